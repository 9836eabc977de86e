package main

import "time"

// Faults with the timeout.

func neverCuts(p *proxy) {
	p.hung = func(*session, time.Time) bool { return false }
	p.idle = p.hung
}

func cutsEarly(p *proxy) {
	limit := p.timeout * 3 / 10
	p.hung = func(s *session, now time.Time) bool { return s.up.hung(now, limit) || s.down.hung(now, limit) }
	p.idle = func(s *session, now time.Time) bool { return s.up.silent(now, limit) && s.down.silent(now, limit) }
}

func anyByteCounts(p *proxy) {
	p.hung = func(*session, time.Time) bool { return false }
}

// writesCount forgets that the peer may read although no write comes to its end.
func writesCount(p *proxy) {
	quiet := func(d *direction, now time.Time) bool {
		return d.held.Load() && now.UnixNano()-d.began.Load() >= int64(p.timeout)
	}
	p.hung = func(s *session, now time.Time) bool { return quiet(s.up, now) || quiet(s.down, now) }
}

// bufferCounts takes a byte that could be written for one that the peer has taken.
func bufferCounts(p *proxy) {
	quiet := func(d *direction, now time.Time) bool { return d.pending() && d.silent(now, p.timeout) }
	p.hung = func(s *session, now time.Time) bool { return quiet(s.up, now) || quiet(s.down, now) }
}

// blindClock comes to the sockets last. What has arrived while the process stood still is not read before the clock has been looked at.
func blindClock(p *proxy) {
	p.unread = func(*session) bool { return false }
	p.read = func(d *direction, b []byte) (int, error) {
		awaitReadable(d.from)
		if d.silent(time.Now(), p.timeout/2) {
			time.Sleep(3 * tick)
		}
		return d.from.Read(b)
	}
}
