package actors

import (
	"time"

	"tcpproxy/messages"
)

const (
	// deliverEvery is how often a session that only waits for its last bytes to be acknowledged asks for them: no event tells.
	deliverEvery = 20 * time.Millisecond
	// linger is how long a peer that still sends may go on after everything meant for it has been acknowledged. Closing with its
	// bytes unread would reset the connection, and the reset could overtake the reading of what was delivered (RFC 1122, 4.2.2.13).
	linger = time.Second
	// deliverWithin is how long the last bytes may make no progress if there is no hang-timeout.
	deliverWithin = 10 * time.Second
)

// review decides, from flows and sockets alone, whether the session goes on. There are only four cases:
//
//	a side was reset            deliver what it had sent before, wait until that is acknowledged, then reset the other side
//	a direction is not over     go on: half-closed is a state like any other
//	both over, none cut         the ordinary ending
//	both over, one cut          its sink is gone, and its source may still be sending: linger, so that what the source was sent survives
func (s *Session) review() {
	s.fault(PointReview)
	c := s.conn
	for _, from := range [...]side{client, server} {
		if errno := c.failed[from]; errno != 0 {
			if c.acknowledged(from) {
				s.end(resetBy(from), errno)
			} else {
				s.askAgain()
			}
			return
		}
	}
	if !c.over(up) || !c.over(down) {
		return
	}
	for _, from := range [...]side{client, server} {
		if f := &c.flow[from]; f.IsCut() {
			if f.Ended() || c.socket[from].Unsent() == 0 && s.lingered() {
				s.end(resetBy(from.other()), c.err)
			} else {
				s.askAgain()
			}
			return
		}
	}
	s.end(messages.CauseFinished, nil)
}

// askAgain makes the watch look again soon: an acknowledgement is no event.
func (s *Session) askAgain() {
	if w := &s.conn.watch; !w.delivering {
		w.delivering, w.deliveringSince = true, s.lane.loop.Now()
	}
	s.conn.stirred = true
	s.setReceiveTimeout(deliverEvery)
}

// lingered reports whether a peer that still sends has had its time, which begins with the first call.
func (s *Session) lingered() bool {
	w := &s.conn.watch
	now := s.lane.loop.Now()
	if w.lingerSince == 0 {
		w.lingerSince = now
	}
	return now-w.lingerSince >= int64(linger)
}

func resetBy(s side) messages.Cause {
	return [...]messages.Cause{messages.CauseClientReset, messages.CauseServerReset}[s]
}
