package actors

import (
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

const (
	// pollEvery is how often a session that only waits for its last bytes to be acknowledged asks for them: no event tells.
	pollEvery = 20 * time.Millisecond
	// lingerFor is how long a peer that still sends may go on after everything meant for it has been acknowledged. Closing with its
	// bytes unread would reset the connection, and the reset could overtake the reading of what was delivered (RFC 1122, 4.2.2.13).
	lingerFor = time.Second
	// deliverWithin is how long the last bytes may make no progress if no timeout says so.
	deliverWithin = 10 * time.Second
)

// review decides, from flows and sockets alone, whether a relaying session goes on. There are four cases:
//
//	a side was reset            deliver what it had sent before, then reset the other side
//	a direction is not over     go on: half-closed is a state like any other
//	both over, one cut          its sink is gone, and its source may still be sending: linger, so that what the source was sent survives
//	both over, none cut         the ordinary ending
func (s *Session) review() {
	s.fault(PointReview)
	c := s.conn
	switch {
	case c.failed[client] != 0 || c.failed[server] != 0:
		s.deliver()
	case !c.over(up) || !c.over(down):
	case c.flow[up].IsCut() || c.flow[down].IsCut():
		s.linger()
	default:
		s.end(messages.CauseFinished, nil)
	}
}

// delivering is the behavior after a side was reset: what it had sent before is delivered and acknowledged first.
func (s *Session) delivering(ctx actor.Context) {
	switch ctx.Message().(type) {
	case messages.Review, *actor.ReceiveTimeout:
		s.fault(PointReview)
		s.deliver()
	case messages.Active, *messages.Resolved:
		// This state polls in any case.
	default:
		s.conn.endpoint.unknown(ctx)
	}
}

func (s *Session) deliver() {
	c := s.conn
	from := client
	if c.failed[client] == 0 {
		from = server
	}
	if c.acknowledged(from) {
		s.end(resetBy(from), syscall.Errno(c.failed[from]))
		return
	}
	s.poll(delivering)
}

// lingering is the behavior when both directions are over because a sink takes no more: its peer has everything that was meant for it,
// or gets it now, and may go on sending for a while.
func (s *Session) lingering(ctx actor.Context) {
	switch ctx.Message().(type) {
	case messages.Review, *actor.ReceiveTimeout:
		s.fault(PointReview)
		s.linger()
	case messages.Active, *messages.Resolved:
		// This state polls in any case.
	default:
		s.conn.endpoint.unknown(ctx)
	}
}

func (s *Session) linger() {
	c := s.conn
	if c.failed[client] != 0 || c.failed[server] != 0 {
		s.deliver()
		return
	}
	from := up
	if !c.flow[up].IsCut() {
		from = down
	}
	if c.flow[from].Ended() || c.socket[from].Unsent() == 0 && s.quietFor() >= lingerFor {
		s.end(resetBy(from.other()), c.err)
		return
	}
	s.poll(lingering)
}

// poll makes the session look again soon, since an acknowledgement is no event; it ends a session that gets no further.
func (s *Session) poll(in state) {
	c := s.conn
	now := c.endpoint.lane.loop.Now()
	if c.state == relaying {
		c.progress.takenAt[up] = now // what follows is measured from here
	}
	c.state = in
	c.mark(markOf(in))
	c.refreshProgress(now)
	limit := s.shortestTimeout()
	if limit == 0 {
		limit = deliverWithin
	}
	if s.quietFor() >= limit {
		s.end(messages.CauseHung, nil)
		return
	}
	s.setReceiveTimeout(pollEvery)
}

// quietFor is how long there has been no progress since the session began to deliver or to linger.
func (s *Session) quietFor() time.Duration {
	c := s.conn
	if c.state == relaying {
		return 0
	}
	return time.Duration(c.endpoint.lane.loop.Now() - c.progress.lastOfAll())
}

func resetBy(s side) messages.Cause {
	return [...]messages.Cause{messages.CauseClientReset, messages.CauseServerReset}[s]
}
