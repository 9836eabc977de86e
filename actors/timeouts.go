package actors

import (
	"time"

	"tcpproxy/messages"
)

// checkEvery is how often a session looks at itself while bytes move or wait. It bounds how late a timeout may be; a session at rest
// does not look at all before its deadline.
const checkEvery = 200 * time.Millisecond

// keepAliveAfter is when a session without any timeout has the system probe its peers, so that one that vanished is noticed some day.
// Not at once: most sessions are over by then, and are spared two system calls.
const keepAliveAfter = 30 * time.Second

// startWatchdog begins to watch when the first byte moves.
func (s *Session) startWatchdog() {
	next := s.nextCheck()
	if s.conn.restored() && next > 0 {
		next = min(next, max(s.remains(), time.Millisecond)) // no worker may live long enough for the look after that
	}
	switch {
	case s.conn.state != relaying:
	case next > 0:
		s.setReceiveTimeout(next)
	case !s.conn.progress.probed:
		s.setReceiveTimeout(keepAliveAfter)
	}
}

// remains is how long it is, at the most, until a timeout is due.
func (s *Session) remains() time.Duration {
	cfg, p, now := &s.conn.endpoint.cfg, &s.conn.progress, s.conn.endpoint.lane.loop.Now()
	least := checkEvery
	if cfg.IdleTimeout > 0 {
		least = min(least, cfg.IdleTimeout-time.Duration(now-p.lastOfAll()))
	}
	for d := range sides {
		if cfg.HangTimeout > 0 && p.waits[d] {
			least = min(least, cfg.HangTimeout-time.Duration(now-p.takenAt[d]))
		}
	}
	return least
}

// nextCheck is the time between two looks, 0 if there is nothing to look for.
func (s *Session) nextCheck() time.Duration { return min(checkEvery, s.shortestTimeout()/10) }

// shortestTimeout is the smaller of the idle- and the hang-timeout; 0 if there is neither.
func (s *Session) shortestTimeout() time.Duration {
	cfg := &s.conn.endpoint.cfg
	if cfg.IdleTimeout == 0 || cfg.HangTimeout == 0 {
		return max(cfg.IdleTimeout, cfg.HangTimeout)
	}
	return min(cfg.IdleTimeout, cfg.HangTimeout)
}

// checkTimeouts is what a relaying session does on its receive-timeout: it ends what was silent or stuck for too long, and sets the
// next timeout.
func (s *Session) checkTimeouts() {
	c := s.conn
	cfg := &c.endpoint.cfg
	now := c.endpoint.lane.loop.Now()
	rested := c.refreshProgress(now)
	if s.hung(now) {
		s.end(messages.CauseHung, nil)
		return
	}
	remains := time.Duration(0)
	if limit := int64(cfg.IdleTimeout); limit > 0 {
		quiet := now - c.progress.lastOfAll()
		if quiet >= limit && !s.readersWoken() {
			s.end(messages.CauseIdle, nil)
			return
		}
		if remains = time.Duration(limit - quiet); remains <= 0 {
			remains = s.nextCheck() // bytes were waiting: see what becomes of them
		}
	} else if !c.progress.probed {
		c.progress.probed = true
		c.socket[client].KeepAlive()
		c.socket[server].KeepAlive()
	}
	if rested {
		c.active = false
		if remains > 0 {
			s.setReceiveTimeout(remains)
		}
	} else if next := s.nextCheck(); next > 0 {
		s.setReceiveTimeout(next)
	}
}

// hung reports whether bytes have waited for too long for a peer that takes none of them, whatever the other direction does, and however
// many more come to wait behind them. It makes no difference whether a flow holds them or the system's send buffer has taken them.
func (s *Session) hung(now int64) bool {
	p := &s.conn.progress
	limit := int64(s.conn.endpoint.cfg.HangTimeout)
	for _, d := range [...]side{up, down} {
		if limit > 0 && p.waits[d] && now-p.takenAt[d] >= limit {
			return true
		}
	}
	return false
}

// readersWoken looks, before a session is ended for silence, whether bytes wait to be read: if the whole process was stopped for a while,
// nobody has had a chance to. It rings the readers that could read, and reports whether there are any.
func (s *Session) readersWoken() (any bool) {
	c := s.conn
	for _, from := range [...]side{client, server} {
		if f := &c.flow[from]; !f.Held() && !f.Ended() && !f.IsCut() && c.socket[from].Unread() > 0 {
			c.progress.moved[from] = c.endpoint.lane.loop.Now()
			c.child(readerOf(from)).ring(readable)
			any = true
		}
	}
	return any
}

// setReceiveTimeout makes *actor.ReceiveTimeout arrive once, after d. It takes the place of ctx.SetReceiveTimeout, which is set off by a
// goroutine that races with the actor, and is disarmed for good by a restart or a resume. This one is a timer of the lane's loop: it
// costs no goroutine, and rings a bell that arrives on the actor's turn. Messages do not put it off: children never tell the session
// about bytes, so what counts as silence is decided in checkTimeouts, not by the mailbox. (A context decorator could hide the difference,
// but has the library allocate an envelope for every message.)
func (s *Session) setReceiveTimeout(d time.Duration) {
	s.conn.endpoint.lane.loop.Arm(&s.conn.timer, d, (*bellringer)(s.conn))
}

// bellringer is a connection's timer.
type bellringer connection

// Run is called by the loop when the timer is due.
func (b *bellringer) Run() { (*connection)(b).session.ring(receiveTimeout) }
