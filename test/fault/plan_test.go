package fault_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"tcpproxy/actors"
	"tcpproxy/test/fault"
)

// The goroutine that is ignored is one of the actor library that ends by itself, a second after a storm of dead letters.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}

// visits calls Strike n times and returns which of the calls, from 1, panicked.
func visits(p *fault.Plan, n int, at actors.Point, who string) (fatal []int) {
	for i := range n {
		func() {
			defer func() {
				if recover() != nil {
					fatal = append(fatal, i+1)
				}
			}()
			p.Strike(at, who)
		}()
	}
	return fatal
}

func TestRulesStrikeWhereTheySay(t *testing.T) {
	const reader, writer = "listener/session-7/client-reader", "listener/session-7/client-writer"
	for _, row := range []struct {
		name string
		rule *fault.Rule
		at   actors.Point
		who  string
		want []int
	}{
		{"at", fault.At(actors.PointAfterRead, reader), actors.PointAfterRead, reader, []int{1}},
		{"another point", fault.At(actors.PointAfterRead, reader), actors.PointBeforeRead, reader, nil},
		{"another actor", fault.At(actors.PointAfterRead, reader), actors.PointAfterRead, writer, nil},
		{"a pattern", fault.At(actors.PointAfterRead, "*/session-*/client-*"), actors.PointAfterRead, reader, []int{1}},
		{"a star matches no slash", fault.At(actors.PointStarted, "listener/*"), actors.PointStarted, reader, nil},
		{"nth", fault.At(actors.PointAfterRead, reader).Nth(4), actors.PointAfterRead, reader, []int{4}},
		{"times", fault.At(actors.PointAfterRead, reader).Times(3), actors.PointAfterRead, reader, []int{1, 2, 3}},
		{"nth and times", fault.At(actors.PointAfterRead, reader).Nth(8).Times(0), actors.PointAfterRead, reader, []int{8, 9, 10}},
		{"every", fault.Every(4, reader), actors.PointBeforeEnd, reader, []int{4, 8}},
		{"random, never", fault.Random(1, 0, "*/*/*"), actors.PointBeforeEnd, reader, nil},
		{"random, always", fault.Random(1, 1, "*/*/*"), actors.PointBeforeEnd, reader, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
	} {
		if got := visits(fault.NewPlan(row.rule), 10, row.at, row.who); !slices.Equal(got, row.want) {
			t.Errorf("%s: visits %v were fatal, want %v", row.name, got, row.want)
		}
	}
}

func TestRandomFollowsItsSeed(t *testing.T) {
	const who = "listener/session-1/client-reader"
	run := func(seed uint64, others bool) []int {
		p := fault.NewPlan(fault.Random(seed, 0.1, "*/*/*"))
		var fatal []int
		for i := range 1000 {
			if others { // what other actors do must not shift the choice
				visits(p, 1, actors.PointAfterWrite, "listener/session-2/server-writer")
			}
			if visits(p, 1, actors.PointAfterRead, who) != nil {
				fatal = append(fatal, i)
			}
		}
		return fatal
	}
	a, b, c := run(1, false), run(1, true), run(2, false)
	if !slices.Equal(a, b) {
		t.Errorf("the same seed chose differently beside another actor:\n%v\n%v", a, b)
	}
	if slices.Equal(a, c) {
		t.Error("another seed chose the same visits")
	}
	if len(a) < 60 || len(a) > 150 {
		t.Errorf("%d of 1000 visits were fatal at a rate of 0.1", len(a))
	}
}

func TestPlanRecords(t *testing.T) {
	const who = "listener/acceptor"
	p := fault.NewPlan(fault.At(actors.PointAfterAccept, who).Nth(2))
	visits(p, 3, actors.PointAfterAccept, who)
	visits(p, 1, actors.PointBeforeAccept, who)
	want := []fault.Kill{{Place: fault.Place{At: actors.PointAfterAccept, Who: who}, Visit: 2}}
	if got := p.Kills(); !slices.Equal(got, want) || p.Killed() != 1 {
		t.Errorf("kills %v (%d), want %v", got, p.Killed(), want)
	}
	if got := p.Visits()[fault.Place{At: actors.PointAfterAccept, Who: who}]; got != 3 {
		t.Errorf("%d visits counted, want 3", got)
	}
	p.Add(fault.Every(1, who))
	if visits(p, 1, actors.PointBeforeAccept, who) == nil {
		t.Error("a rule that was added does not strike")
	}
	p.Clear()
	if visits(p, 1, actors.PointBeforeAccept, who) != nil {
		t.Error("a plan without rules strikes")
	}
}

func TestDoReplacesThePanic(t *testing.T) {
	var got []fault.Kill
	p := fault.NewPlan(fault.Every(1, "listener").Do(func(k fault.Kill) { got = append(got, k) }))
	if fatal := visits(p, 2, actors.PointBeforeSpawn, "listener"); fatal != nil || len(got) != 2 {
		t.Errorf("panicked at %v; called for %v", fatal, got)
	}
}

func TestPlanIsForAllGoroutines(t *testing.T) {
	p := fault.NewPlan(fault.Every(10, "*"))
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() { visits(p, 100, actors.PointStarted, fmt.Sprint(g)) })
	}
	for range 100 {
		p.Kills()
		p.Visits()
	}
	all.Wait()
	if p.Killed() != 40 {
		t.Errorf("%d kills, want 40", p.Killed())
	}
}

func TestMalformedPatternIsRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("accepted")
		}
	}()
	fault.At(actors.PointStarted, "[")
}
