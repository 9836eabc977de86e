package wire

import "sync/atomic"

// meterWindow is over how much time a loop's load is averaged, in nanoseconds.
const meterWindow = 20_000_000

// meter measures which part of its time a loop works. It is off unless somebody wants to compare loops, since it costs reading the clock
// once more for each wake-up.
type meter struct {
	on    bool
	begun int64 // of this window
	busy  int64 // in this window
	load  atomic.Uint32
	_     [64]byte // others read load: what the loop writes all the time must not lie beside it
}

// turn notes a turn that began and ended at these times.
func (m *meter) turn(from, to int64) {
	m.busy += to - from
	if window := to - m.begun; window >= meterWindow {
		m.load.Store(uint32(min(100, 100*m.busy/window)))
		m.begun, m.busy = to, 0
	}
}

// Measure has the loop measure its load. Before Run.
func (l *Loop) Measure() { l.meter.on = true }

// Load is which part of its time the loop has worked of late, in percent; 0 if it does not measure that. From any goroutine. A loop
// that sleeps says what it said last, which was little.
func (l *Loop) Load() int { return int(l.meter.load.Load()) }
