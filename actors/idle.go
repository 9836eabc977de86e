package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// lookEvery is how often a session looks at itself while bytes move or wait. It bounds how late a timeout may be; a session at rest
// does not look at all before its deadline.
const lookEvery = 200 * time.Millisecond

// keepAliveAfter is when a session without any timeout has the system probe its peers, so that one that vanished is noticed some day.
// Not at once: most sessions are over by then, and are spared two system calls.
const keepAliveAfter = 30 * time.Second

// vigil is what a session knows from its last look.
type vigil struct {
	at          int64        // Loop.Now
	taken       [sides]int64 // by direction: bytes that the peer had acknowledged, by our count
	tookAt      [sides]int64 // by direction: when that last grew
	lingerSince int64
	probed      bool // keep-alive is on

	// delivering: the session only waits for its last bytes to be acknowledged; since when.
	delivering      bool
	deliveringSince int64
}

// keepWatch begins the vigil when the first byte moves.
func (s *Session) keepWatch() {
	switch next := s.nextLook(); {
	case s.conn.watch.delivering:
	case next > 0:
		s.setReceiveTimeout(next)
	case !s.conn.watch.probed:
		s.setReceiveTimeout(keepAliveAfter)
	}
}

// nextLook is the time between two looks, 0 if there is nothing to look for.
func (s *Session) nextLook() time.Duration {
	next := time.Duration(0)
	for _, limit := range [...]time.Duration{s.lane.hub.cfg.IdleTimeout, s.lane.hub.cfg.HangTimeout} {
		if limit > 0 && (next == 0 || limit < next) {
			next = limit
		}
	}
	return min(lookEvery, next/10)
}

// look is what the session does on its receive-timeout: it ends what was silent or stuck for too long, and sets the next timeout.
//
// Progress is what the peers do, not what the system buffers for them: so beside the bytes that were read and written, the bytes
// that a peer acknowledges count. A slow reader may leave the socket unwritable for minutes while it empties a large send buffer.
func (s *Session) look() {
	c := s.conn
	now := c.lane.loop.Now()
	rested := s.noteProgress(now)
	if c.watch.delivering {
		s.review()
		if c.now() != relaying {
			return
		}
	}
	cfg := &c.lane.hub.cfg
	if s.hung(now) {
		s.end(messages.CauseHung, nil)
		return
	}
	remains := time.Duration(0)
	if limit := int64(cfg.IdleTimeout); limit > 0 {
		quiet := now - max(s.progress(up), s.progress(down))
		if quiet >= limit && !s.wake() {
			s.end(messages.CauseIdle, nil)
			return
		}
		if remains = time.Duration(limit - quiet); remains <= 0 {
			remains = s.nextLook() // bytes were waiting: see what becomes of them
		}
	} else if !c.watch.probed {
		c.watch.probed = true
		c.socket[client].KeepAlive()
		c.socket[server].KeepAlive()
	}
	switch {
	case c.watch.delivering:
		s.setReceiveTimeout(deliverEvery)
	case rested:
		c.stirred = false
		if remains > 0 {
			s.setReceiveTimeout(remains)
		}
	default:
		if next := s.nextLook(); next > 0 {
			s.setReceiveTimeout(next)
		}
	}
}

// hung reports whether a flow has held bytes for too long that its socket will not take, whatever the other direction does. What is
// left to deliver after a reset is not waited for for ever, even where hanging is allowed.
func (s *Session) hung(now int64) bool {
	c := s.conn
	limit := int64(c.lane.hub.cfg.HangTimeout)
	if c.watch.delivering {
		patience := limit
		if patience == 0 {
			patience = int64(deliverWithin)
		}
		return now-max(s.progress(up), s.progress(down), c.watch.deliveringSince) >= patience
	}
	for _, d := range [...]side{up, down} {
		if limit > 0 && c.flow[d].Held() && now-s.progress(d) >= limit {
			return true
		}
	}
	return false
}

// noteProgress compares with the last look; it reports whether everything is at rest: nothing moved, nothing waits.
func (s *Session) noteProgress(now int64) (rested bool) {
	c := s.conn
	rested = true
	for _, d := range [...]side{up, down} {
		f := &c.flow[d]
		moved := f.Moved()
		waiting := c.socket[d.other()].Unsent()
		if taken := int64(moved) - int64(waiting); taken > c.watch.taken[d] {
			c.watch.taken[d], c.watch.tookAt[d] = taken, now
		}
		if c.moved[d].Load() >= c.watch.at || waiting > 0 || f.Held() {
			rested = false
		}
	}
	c.watch.at = now
	return rested
}

// progress is when a direction last made any.
func (s *Session) progress(d side) int64 {
	return max(s.conn.moved[d].Load(), s.conn.watch.tookAt[d])
}

// wake looks, before a session is ended for silence, whether bytes wait to be read: if the whole process was stopped for a while,
// nobody has had a chance to. It rings the readers that could read, and reports whether there are any.
func (s *Session) wake() (any bool) {
	c := s.conn
	for _, from := range [...]side{client, server} {
		if f := &c.flow[from]; !f.Held() && !f.Ended() && !f.IsCut() && c.socket[from].Unread() > 0 {
			c.moved[from].Store(c.lane.loop.Now())
			c.ring(readerOf(from), messages.Readable{})
			any = true
		}
	}
	return any
}

// setReceiveTimeout makes *actor.ReceiveTimeout arrive once, after d. It takes the place of ctx.SetReceiveTimeout, which is set off by a
// goroutine that races with the actor, and is disarmed for good by a restart or a resume. This one is a timer of the lane's loop: it
// costs no goroutine, and rings a bell that arrives on the actor's turn. Messages do not put it off: children never tell the session
// about bytes, so what counts as silence is decided in look, not by the mailbox. (A context decorator could hide the difference, but
// has the library allocate an envelope for every message.)
func (s *Session) setReceiveTimeout(d time.Duration) {
	s.lane.loop.Arm(&s.conn.timer, d, (*bellringer)(s.conn))
}

// bellringer is a connection's timer.
type bellringer connection

// Run is called by the loop when the timer is due.
func (b *bellringer) Run() { (*connection)(b).tell(&actor.ReceiveTimeout{}) }
