//go:build linux

package wire

import (
	"testing"
	"time"
)

// driver runs a loop by hand, on the test's goroutine, turn by turn: so a test may look at everything between two turns, and count.
type driver struct {
	*Loop
	testing.TB
	turns int // since the last reset of the count
	late  bool
	guard Timer
}

func newDriver(t testing.TB, maxPipes int) *driver {
	l, err := NewLoop(maxPipes)
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{Loop: l, TB: t}
	t.Cleanup(l.release)
	return d
}

// turn is what Run does over and over. It starts with the wait, so that a test sees what came of the tasks before the loop sleeps.
func (d *driver) turn() {
	d.turns++
	d.wait()
	d.now = int64(d.Since())
	d.wheel.advance(d.now)
	d.runPosted()
}

// until turns the loop until something has come about. The loop sleeps in between, as it does in life: a wake-up that is missing makes
// the test fail.
func (d *driver) until(what string, done func() bool) {
	d.Helper()
	d.late = false
	d.Arm(&d.guard, 10*time.Second, run(func() { d.late = true }))
	defer d.Disarm(&d.guard)
	for !done() && !d.late {
		d.turn()
	}
	if d.late { // even if it has come about by now: the loop overslept
		d.Fatalf("waited in vain: %s", what)
	}
}

// idle turns the loop for a while of real time, and returns how many turns that took: few, unless something spins.
func (d *driver) idle(while time.Duration) (turns int) {
	var over bool
	var end Timer
	d.turns = 0
	d.Arm(&end, while, run(func() { over = true }))
	for !over {
		d.turn()
	}
	return d.turns
}

// run is a function as a Runner.
type run func()

// Run implements Runner.
func (f run) Run() { f() }

// task is a new task for f.
func task(f func()) *Task {
	t := new(Task)
	t.Bind(run(f))
	return t
}

// hears is a function as a Handler.
type hears func(Event)

// Ready implements Handler.
func (f hears) Ready(e Event) { f(e) }

// relay is a pair of halves on a loop, as a session has them: bells are tasks that the loop runs.
type relay struct {
	pair
	in, out Socket
	tasks   [2]Task
	waiting [2]bell
	events  int
	paused  bool // the reader is not told of anything
}

// newRelay has the loop carry bytes from one descriptor to another.
func newRelay(d *driver, src, dst int) *relay {
	r := &relay{}
	r.pair = pair{loop: d.Loop, src: &r.in, dst: &r.out, ring: r.post}
	for i := range r.tasks {
		r.tasks[i].Bind(run(func() {
			r.waiting[i] = 0
			r.hear([...]bell{readable, writable}[i])
		}))
	}
	inEvent := hears(func(e Event) {
		r.events++
		if e&Readable != 0 && !r.paused {
			r.post(readable)
		}
	})
	outEvent := hears(func(e Event) {
		r.events++
		if e&Writable != 0 && r.flow.Held() {
			r.post(writable)
		}
	})
	if err := r.in.Open(d.Loop, src, inEvent); err != nil {
		d.Fatal(err)
	}
	if err := r.out.Open(d.Loop, dst, outEvent); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(r.close)
	return r
}

func (r *relay) post(b bell) {
	i := half(b)
	if r.waiting[i] == 0 {
		r.loop.Post(&r.tasks[i])
	}
	r.waiting[i] |= b
}

func (r *relay) close() {
	r.in.Close()
	r.out.Close()
	r.flow.Discard(r.loop)
}

// newTCPRelay is a relay between two TCP connections, and the descriptors of their other ends.
func newTCPRelay(d *driver) (r *relay, from, to int) {
	src, from := tcpPair(d)
	dst, to := tcpPair(d)
	d.Cleanup(func() {
		closeDescriptor(to)
	})
	return newRelay(d, src, dst), from, to
}
