package test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// The table: every strategy × victim × fault × traffic. A row is one stream with one fault, in a proxy that is full of other rows; since
// each row asserts exactly who restarted in its session, the rows prove of each other that a fault concerns nobody else.

// row is what happens to one stream.
type row struct {
	sh     shape
	victim string // a child's name, or "" for the session
	name   string
	// at the gate, between messages:
	hits int
	stop bool // stopped from outside, rather than failed
	// or in the middle of one:
	point actors.Point
	also  bool // a failure at the gate leads there
}

func (w row) String() string {
	who := w.victim
	if who == "" {
		who = "session"
	}
	return w.sh.name + "/" + who + "/" + w.name
}

// rows makes the rows of one strategy. places is where a clean stream of each shape passes by.
func rows(strategy string, places map[string]map[string]map[actors.Point]int) []row {
	var all []row
	for _, sh := range shapes {
		for _, victim := range append([]string{""}, children...) {
			add := func(w row) { w.sh, w.victim = sh, victim; all = append(all, w) }
			add(row{name: "fails", hits: 1})
			add(row{name: "is stopped", hits: 1, stop: true})
			if sh.name == "upload" || sh.name == "download" {
				add(row{name: "fails three times", hits: 3})
				add(row{name: "fails too often", hits: limit + 1})
				add(row{name: "is stopped three times", hits: 3, stop: true})
				add(row{name: "is stopped too often", hits: limit + 1, stop: true})
				for _, p := range []actors.Point{actors.PointStarted, actors.PointRestarting} {
					add(row{name: "fails, and in " + p.String(), hits: 1, also: true, point: p})
				}
			}
			for p := range places[sh.name][victim] {
				if sh.name == "stalled" && victim != "server-writer" {
					continue // as in an upload
				}
				if p == actors.PointStarted && victim != "" && strategy == "stop" {
					continue // that session ends before it is opened; see TestFaultsInLifecycle
				}
				add(row{name: "panics at " + p.String(), point: p})
			}
		}
	}
	return all
}

// survey plays one clean stream of each shape, and returns how often each actor visits each point.
func survey(t *testing.T) map[string]map[string]map[actors.Point]int {
	r := newRig(t, actors.Config{})
	found := map[string]map[string]map[actors.Point]int{}
	for i, sh := range shapes {
		s, err := r.begin(sh, uint64(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		if client, server := s.finish(); client != fault.Intact || server != fault.Intact {
			t.Fatalf("%s: without a fault the client saw: %s; the server saw: %s", sh.name, client, server)
		}
		if _, err := r.awaitClosed(s.pid); err != nil {
			t.Fatal(err)
		}
		found[sh.name] = map[string]map[actors.Point]int{}
		for place, n := range r.plan.Visits() {
			if rest, ok := strings.CutPrefix(place.Who, s.pid); ok {
				who := strings.TrimPrefix(rest, "/")
				if found[sh.name][who] == nil {
					found[sh.name][who] = map[actors.Point]int{}
				}
				found[sh.name][who][place.At] = n
			}
		}
	}
	return found
}

func TestTable(t *testing.T) {
	places := survey(t)
	for _, strategy := range strategyNames() {
		t.Run(strategy, func(t *testing.T) {
			r := newRig(t, actors.Config{Supervision: strategy, MaxRestarts: limit, Within: time.Minute})
			all := rows(strategy, places)
			next := make(chan row)
			var workers sync.WaitGroup
			for w := range 16 {
				workers.Go(func() {
					for row := range next {
						if err := r.check(row, strategy, uint64(w)); err != nil {
							t.Errorf("%v: %v", row, err)
						}
					}
				})
			}
			defer func() {
				if missed := r.missed.Load(); int(missed) > len(all)/20 {
					t.Errorf("%d of %d rows passed without their fault", missed, len(all))
				}
			}()
			// Beside the rows runs a stream that nothing happens to, from before the first until after the last.
			bystander, err := r.begin(shapes[2], 99, nil)
			if err != nil {
				t.Error(err)
			} else {
				for _, row := range all {
					next <- row
				}
			}
			close(next)
			workers.Wait()
			if bystander != nil {
				if client, server := bystander.finish(); client != fault.Intact || server != fault.Intact {
					t.Errorf("the bystander's client saw: %s; its server saw: %s", client, server)
				}
				if got := r.restartsOf(bystander.pid); len(got) > 0 {
					t.Errorf("restarts in the bystander's session: %v", got)
				}
			}
			t.Logf("%d rows", len(all))
		})
	}
}

// check plays one row.
func (r *rig) check(w row, strategy string, seed uint64) error {
	var rules func(pid string) []*fault.Rule
	if w.hits == 0 || w.also {
		rules = func(pid string) []*fault.Rule {
			rule := fault.At(w.point, join(pid, w.victim))
			if w.also && w.point == actors.PointStarted {
				rule.Nth(2) // the first is the first incarnation's
			}
			return []*fault.Rule{rule}
		}
	}
	s, err := r.begin(w.sh, seed, rules)
	if err != nil {
		return err
	}
	who := join(s.pid, w.victim)
	want, lives := answer(strategy, w.victim, max(w.hits, 1), w.stop)
	exact := true
	for i := 1; i <= w.hits; i++ {
		if w.stop {
			r.stop(who)
		} else {
			r.fail(who)
		}
		var err error
		if sofar, alive := answer(strategy, w.victim, i, w.stop); alive {
			err = errors.Join(r.awaitRestarts(s.pid, sofar), r.awaitFailures(who, i))
		} else {
			_, err = r.awaitClosed(s.pid)
		}
		if err != nil {
			s.finish()
			return err
		}
	}
	if w.hits == 0 || w.also {
		want, lives, exact = w.expect(strategy, want, lives)
	}
	client, server := s.finish()
	e, err := r.awaitClosed(s.pid)
	if err != nil {
		return err
	}
	got := r.restartsOf(s.pid)
	if rules != nil && !w.also && !r.struck(w.point, who) {
		// How many chunks a stream makes, and so which points it passes, is the system's to say: then this one was a clean stream.
		r.missed.Add(1)
		w.hits, want, lives, exact = 0, map[string]int{}, true, true
	}
	if exact && !maps.Equal(got, want) || !exact && !within(got, want) {
		return fmt.Errorf("restarts %v, want %v", got, want)
	}
	switch {
	case lives && exact || e.Cause == messages.CauseFinished:
		if client != fault.Intact || server != fault.Intact || e.Cause != messages.CauseFinished {
			return fmt.Errorf("the connection was to live; the client saw: %s, the server saw: %s; cause %v", client, server, e.Cause)
		}
	case e.Cause != messages.CauseSupervision:
		return fmt.Errorf("the session ended with cause %v", e.Cause)
	case w.hits > 0: // at the gate nobody has seen everything
		if client != fault.Cut || server != fault.Cut {
			return fmt.Errorf("both were to be reset; the client saw: %s, the server saw: %s", client, server)
		}
	default: // who has seen everything may be content; nobody may be told that a part is all
		if client != fault.Cut && client != fault.Intact || server != fault.Cut && server != fault.Intact {
			return fmt.Errorf("the client saw: %s, the server saw: %s", client, server)
		}
	}
	return nil
}

// struck reports whether the plan has killed there.
func (r *rig) struck(at actors.Point, who string) bool {
	for _, k := range r.plan.Kills() {
		if k.At == at && k.Who == who {
			return true
		}
	}
	return false
}
