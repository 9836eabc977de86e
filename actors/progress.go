package actors

import "time"

// progress is what a session knows of how its bytes get on. Progress is what the peers do, not what the system buffers for them: so
// beside the bytes that were read and written, the bytes that a peer acknowledges count. A slow reader may leave its socket unwritable
// for minutes while it empties a large send buffer. All times are those of Loop.Now.
type progress struct {
	moved   [sides]int64 // by direction: when bytes were last read or written
	taken   [sides]int64 // by direction: bytes that the peer had acknowledged at the last look, by our count
	takenAt [sides]int64 // by direction: when that last grew, or when bytes began to wait for it
	at      int64        // the last look
	waits   [sides]bool  // by direction: bytes waited at the last look, in the flow or, unacknowledged, in the system's send buffer
	probed  bool         // keep-alive is on
}

// begin is called when the destination has accepted.
func (p *progress) begin(now int64) { p.moved = [sides]int64{now, now} }

// last is when a direction last made any.
func (p *progress) last(d side) int64 { return max(p.moved[d], p.takenAt[d]) }

// lastOfAll is when either direction last made any.
func (p *progress) lastOfAll() int64 { return max(p.last(up), p.last(down)) }

// stood is how late a look must be, while bytes wait, to show that the whole process was stopped for a while (a session then looks every
// 200 ms). That time is nobody's silence: neither could the peers' bytes be passed on.
const stood = int64(time.Second)

// refreshProgress compares with the last look; it reports whether everything is at rest: nothing moved, nothing waits.
func (c *connection) refreshProgress(now int64) (rested bool) {
	p := &c.progress
	rested = true
	for _, d := range [...]side{up, down} {
		f := &c.flow[d]
		if late := now - p.at; p.waits[d] && late > stood {
			p.takenAt[d] += late
			c.keepTaken(d)
		}
		unsent := c.socket[d.other()].Unsent()
		waits := unsent > 0 || f.Held()
		if taken := int64(f.Moved()) - int64(unsent); taken > p.taken[d] {
			p.taken[d], p.takenAt[d] = taken, now
			c.keepTaken(d)
		} else if waits && !p.waits[d] {
			p.takenAt[d] = now
			c.keepTaken(d)
		}
		p.waits[d] = waits
		if p.moved[d] >= p.at || waits {
			rested = false
		}
	}
	p.at = now
	return rested
}
