package wire

import (
	"math"
	"math/bits"
	"time"
)

// tick is the resolution of timers: one fires up to a tick late, never early.
const (
	tick      = 16 * time.Millisecond
	wheelSize = 1024 // ticks: some 16 seconds; what is due later goes round again
)

// Timer runs a Runner once, when it is due. It belongs into the struct that it wakes, so that arming it allocates nothing. All of it
// on the loop's goroutine. The zero Timer is unarmed.
type Timer struct {
	next, prev *Timer
	due        int64
	runner     Runner
}

// wheel is a hashed timing wheel (Varghese and Lauck, 1987, scheme 6): arming and disarming are a few pointer writes, however many
// sessions there are. Slot i holds the timers that are due in a tick t with t mod wheelSize = i.
type wheel struct {
	slots [wheelSize]Timer // heads of rings
	used  [wheelSize / 64]uint64
	at    int64 // the tick up to which everything has fired
	armed int
}

func (w *wheel) init() {
	for i := range w.slots {
		s := &w.slots[i]
		s.next, s.prev = s, s
	}
}

// Arm makes t run r on the loop's goroutine after d, instead of what it was armed for.
func (l *Loop) Arm(t *Timer, d time.Duration, r Runner) {
	l.Disarm(t)
	t.due = deadline(int64(l.Since()), int64(d))
	t.runner = r
	l.wheel.put(t)
	l.wheel.armed++
}

// deadline is a time that lies d after now, or the end of time. People write the longest duration there is where they mean "never"; added
// to any time, it would wrap round to a deadline that passed centuries ago: due at once, and at once again when it is armed anew.
func deadline(now, d int64) int64 {
	if d > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + d
}

// Disarm makes t not run. It may have run already.
func (l *Loop) Disarm(t *Timer) {
	if t.next != nil {
		l.wheel.take(t)
	}
}

func (w *wheel) put(t *Timer) {
	when := max(t.due/int64(tick)+1, w.at+1)
	i := when % wheelSize
	s := &w.slots[i]
	t.next, t.prev = s, s.prev
	s.prev.next, s.prev = t, t
	w.used[i/64] |= 1 << (i % 64)
}

func (w *wheel) take(t *Timer) {
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
	w.armed--
}

// advance runs what is due by now.
func (w *wheel) advance(now int64) {
	today := now / int64(tick)
	if w.armed == 0 {
		w.at = today
		return
	}
	// After a long stop every slot is visited once; what is not due yet stays.
	for end := min(today, w.at+wheelSize); w.at < end; {
		w.at++
		i := w.at % wheelSize
		if w.used[i/64]&(1<<(i%64)) != 0 {
			w.visit(&w.slots[i], now)
			if s := &w.slots[i]; s.next == s {
				w.used[i/64] &^= 1 << (i % 64)
			}
		}
	}
	w.at = today
}

// visit runs the due timers of one slot. A Runner may arm and disarm any timer, so the ring is read afresh after each.
func (w *wheel) visit(head *Timer, now int64) {
	for again := true; again; {
		again = false
		for t := head.next; t != head; t = t.next {
			if t.due <= now {
				w.take(t)
				t.runner.Run()
				again = true
				break
			}
		}
	}
}

// until is how long the loop may sleep before a timer may be due; < 0 if none is armed.
func (w *wheel) until(now int64) time.Duration {
	if w.armed == 0 {
		return -1
	}
	for d := int64(1); d <= wheelSize; {
		i := (w.at + d) % wheelSize
		word := w.used[i/64] >> (i % 64)
		if word == 0 {
			d += 64 - i%64
			continue
		}
		d += int64(bits.TrailingZeros64(word))
		return max(0, time.Duration((w.at+d)*int64(tick)-now))
	}
	return time.Duration(wheelSize) * tick
}
