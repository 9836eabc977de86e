//go:build linux

package wire

import (
	"fmt"
	"strings"
	"testing"
)

// The walk below starts from nothing and tries, in every state that it meets, everything that may happen next: what the peers may do,
// what the loop may tell, which half hears which of its bells, and that a half is killed at any of its steps. A killed half loses the
// bell in its hand, and everything but what stands in the flow and the sockets; its bells wait until it is revived. Flow and Socket
// are the real ones, on real sockets; a state is reached by taking its whole path again.
//
// Events are told as sparingly as the system promises them: one Readable after an arrival, however many arrivals it stands for; one
// Writable after a write fell short, and none before.
//
// In every state where neither the loop nor a half has anything left to do, everything must have been done.

// scenario is what the peers of one walk may do.
type scenario struct {
	name    string
	chunks  []int // what the source sends
	reset   bool  // the source ends in a reset, not in an orderly way
	bulk    bool  // the flow starts with a pipe
	dies    bool  // the sink's peer may go away, at any moment
	kills   int   // how often a half may be killed
	strays  int   // how many bells may ring for nothing
	partial bool  // the sink has room for a part of a chunk only
}

// step is how a state was first reached.
type step struct {
	action
	before *step
}

func (s *step) actions() []action {
	if s == nil {
		return nil
	}
	return append(s.before.actions(), s.action)
}

// explorer walks through all states of a scenario.
type explorer struct {
	*testing.T
	scenario
	loop   *Loop
	stream []byte
	ids    map[key]int
	next   [][]int // by state, the states that follow
	todo   []visit
	idle   int
}

type visit struct {
	how *step
	id  int
	all []action
}

func (e *explorer) walk() {
	w := newWorld(e.loop, e.scenario, e.stream)
	e.meet(w, nil)
	w.close()
	for len(e.todo) > 0 {
		v := e.todo[len(e.todo)-1]
		e.todo = e.todo[:len(e.todo)-1]
		for _, a := range v.all {
			e.try(v, a)
		}
	}
	e.mustEnd()
}

// try takes an action, and then again with a killing at each of its steps.
func (e *explorer) try(v visit, a action) {
	for ; ; a.killAt++ {
		w := newWorld(e.loop, e.scenario, e.stream)
		for _, b := range v.how.actions() {
			w.do(b)
		}
		asAsked := w.do(a)
		if asAsked {
			e.next[v.id] = append(e.next[v.id], e.meet(w, &step{a, v.how}))
		}
		mortal := (a.deed == hear || a.deed == revive) && (w.kills > 0 || a.killAt >= 0)
		w.close()
		if !mortal || !asAsked {
			return
		}
	}
}

// meet notes a state, and checks it if it is new.
func (e *explorer) meet(w *world, how *step) int {
	k := w.key()
	id, known := e.ids[k]
	if !known {
		id = len(e.ids)
		e.ids[k] = id
		e.next = append(e.next, nil)
		all, work := w.possible()
		if !work {
			e.idle++
		}
		if wrong := w.check(!work); wrong != "" {
			e.fail(how, wrong, k)
		}
		e.todo = append(e.todo, visit{how, id, all})
	}
	return id
}

func (e *explorer) fail(how *step, wrong string, k key) {
	e.Helper()
	var b strings.Builder
	for i, a := range how.actions() {
		fmt.Fprintf(&b, "\n%3d. %v", i+1, a)
	}
	e.Fatalf("%s, after:%s\nstate: %+v", wrong, b.String(), k)
}

// mustEnd checks that no state leads back to itself: else halves could ring each other for ever and nothing would come of it.
func (e *explorer) mustEnd() {
	before := make([]int, len(e.next))
	for _, follow := range e.next {
		for _, id := range follow {
			before[id]++
		}
	}
	ready, seen := []int{0}, 0
	for len(ready) > 0 {
		id := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		seen++
		for _, n := range e.next[id] {
			if before[n]--; before[n] == 0 {
				ready = append(ready, n)
			}
		}
	}
	if seen != len(e.next) {
		e.Errorf("of %d states, %d can be met again and again", len(e.next), len(e.next)-seen)
	}
}

func TestHandOffExhaustively(t *testing.T) {
	for _, s := range []scenario{
		{name: "buffer, three chunks", chunks: []int{8999, 8999, 301}, partial: true},
		{name: "buffer, one killing", chunks: []int{8999, 8999}, partial: true, kills: 1},
		{name: "buffer, two killings", chunks: []int{8999, 301}, partial: true, kills: 2},
		{name: "pipe, one killing", chunks: []int{8999, 301, 301}, bulk: true, kills: 1},
		{name: "buffer, strays", chunks: []int{8999, 8999}, strays: 1, partial: true},
		{name: "buffer, reset, sink dies", chunks: []int{8999, 301}, reset: true, dies: true, kills: 1, partial: true},
		{name: "pipe, reset", chunks: []int{8999}, reset: true, bulk: true, kills: 1},
		{name: "pipe, sink dies", chunks: []int{8999, 301}, bulk: true, dies: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			total := 0
			for _, n := range s.chunks {
				total += n
			}
			l := &Loop{}
			l.pipes.max = 1
			e := &explorer{T: t, scenario: s, loop: l, stream: randomBytes(total), ids: map[key]int{}}
			e.walk()
			t.Logf("%d states, %d of them idle", len(e.ids), e.idle)
			l.pipes.closeAll()
			if l.pipes.made != 0 {
				t.Errorf("%d pipes left", l.pipes.made)
			}
		})
	}
}
