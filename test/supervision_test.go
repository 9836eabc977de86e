package test

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// TestKillAChild kills each of the four children in each kind of traffic, in the default strategy.
func TestKillAChild(t *testing.T) {
	r := newRig(t, actors.Config{})
	for _, sh := range shapes {
		for i, victim := range children {
			t.Run(sh.name+"/"+victim, func(t *testing.T) {
				s, err := r.begin(sh, uint64(i), nil)
				if err != nil {
					t.Fatal(err)
				}
				r.fail(s.pid + "/" + victim)
				want := map[string]int{victim: 1}
				if err := r.awaitRestarts(s.pid, want); err != nil {
					t.Error(err)
				}
				// The tree, as anyone can see it, tells the same.
				tree, err := r.tree()
				if err != nil {
					t.Error(err)
				}
				found := 0
				for _, session := range tree.Children {
					for _, child := range session.Children {
						if sessionOf(child.PID) == s.pid {
							found++
							if died := child.PID == s.pid+"/"+victim; (child.Restarts > 0) != died {
								t.Errorf("the tree says that %s has restarted %d times", child.PID, child.Restarts)
							}
						}
					}
				}
				if found != len(children) {
					t.Errorf("the tree shows %d children", found)
				}
				if client, server := s.finish(); client != fault.Intact || server != fault.Intact {
					t.Errorf("the client saw: %s; the server saw: %s", client, server)
				}
				e, err := r.awaitClosed(s.pid)
				if err != nil || e.Cause.String() != "finished" {
					t.Errorf("the session ended with %v (%v)", e.Cause, err)
				}
				if got := r.restartsOf(s.pid); !maps.Equal(got, want) {
					t.Errorf("restarts %v, want %v", got, want)
				}
			})
		}
	}
	if got := fmt.Sprint(r.restartsOf("listener/acceptor")); got != "map[]" {
		t.Errorf("the acceptor restarted: %v", got)
	}
}

// TestKilledAcceptorLosesNoClient kills the acceptor again and again, in every way, while clients come: all are served, those in the
// backlog among them, and nobody's session notices.
func TestKilledAcceptorLosesNoClient(t *testing.T) {
	r := newRig(t, actors.Config{MaxRestarts: never},
		fault.At(actors.PointBeforeAccept, "listener/acceptor").Times(10),
		fault.At(actors.PointAfterAccept, "listener/acceptor").Times(10),
		fault.At(actors.PointStarted, "listener/acceptor").Nth(2).Times(10),
		fault.At(actors.PointBeforeSpawn, "listener").Times(10),
		fault.At(actors.PointAfterSpawn, "listener").Times(10))
	bystander, err := r.begin(shapes[1], 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	const clients = 50
	for i := range clients {
		conn, err := net.Dial("tcp", r.proxy.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		switch i % 10 {
		case 3:
			r.fail("listener/acceptor")
		case 6:
			r.stop("listener/acceptor")
		case 9:
			r.fail("listener")
		}
	}
	for i := range clients {
		select {
		case conn := <-r.arrivals:
			defer conn.Close()
		case <-time.After(patience):
			t.Fatalf("%d of %d clients were served", i, clients)
		}
	}
	if client, server := bystander.finish(); client != fault.Intact || server != fault.Intact {
		t.Errorf("the bystander's client saw: %s; its server saw: %s", client, server)
	}
	r.watch.See(func(s *fault.Seen) {
		for pid, n := range s.Restarts {
			if pid != "listener/acceptor" {
				t.Errorf("%s was restarted %d times", pid, n)
			}
		}
		if n := s.Restarts["listener/acceptor"]; n < 20 {
			t.Errorf("the acceptor was restarted %d times", n)
		}
		for _, e := range s.Failures["listener"] {
			if e.Directive != "resume" {
				t.Errorf("the listener's failure was answered with %s", e.Directive)
			}
		}
	})
}

// TestAcceptorThatKeepsFailing is restarted after a pause once it has failed too often, rather than for ever at full speed; a client that
// comes meanwhile waits.
func TestAcceptorThatKeepsFailing(t *testing.T) {
	const limit = 3
	r := newRig(t, actors.Config{MaxRestarts: limit, Within: time.Minute},
		fault.At(actors.PointBeforeAccept, "listener/acceptor").Times(limit+2))
	if s, err := r.open(1, 1, nil); err != nil {
		t.Error(err)
	} else {
		s.close()
	}
	if n := r.failures("listener/acceptor"); n != limit+2 {
		t.Errorf("%d failures, want %d", n, limit+2)
	}
}

// TestBackoffForgetsWhatASessionRestartSettles: a child waits for its restart when the session is restarted, and all children with it.
// The delay is then over; were it not, there would be two actors for one place.
func TestBackoffForgetsWhatASessionRestartSettles(t *testing.T) {
	r := newRig(t, actors.Config{Supervision: "backoff", MaxRestarts: never})
	s, err := r.begin(shapes[0], 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	who := s.pid + "/client-reader"
	for i := range 8 { // until the delay is as long as it gets
		r.stop(who)
		if err := r.awaitFailures(who, i+1); err != nil {
			t.Fatal(err)
		}
		if i < 7 {
			if err := r.awaitRestarts(s.pid, map[string]int{"client-reader": i + 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.fail(s.pid)
	if err := r.awaitRestarts(s.pid, map[string]int{"": 1, "client-writer": 1}); err != nil {
		t.Fatal(err)
	}
	restarts := r.restartsOf(s.pid)
	time.Sleep(1200 * time.Millisecond) // nothing happens when nothing is wrong, so there is no event to wait for: the longest delay is 1 s
	if got := r.restartsOf(s.pid); !maps.Equal(got, restarts) {
		t.Errorf("restarts %v after the session's restart, %v a second later", restarts, got)
	}
	if client, server := s.finish(); client != fault.Intact || server != fault.Intact {
		t.Errorf("the client saw: %s; the server saw: %s", client, server)
	}
}

// TestStrategiesAsMeasured kills one child of a connection that is busy both ways and compares what happened with
// testdata/strategies.md; -update writes it. How often and how long is for the laboratory to measure: see lab.
func TestStrategiesAsMeasured(t *testing.T) {
	var md strings.Builder
	md.WriteString("| strategy | the client-reader of a busy connection is killed: who restarts | the connection " +
		"| bytes lost | bytes repeated | what the peers see |\n|---|---|---|---|---|---|\n")
	for _, strategy := range strategyNames() {
		t.Run(strategy, func(t *testing.T) {
			r := newRig(t, actors.Config{Supervision: strategy})
			s, err := r.begin(shapes[2], 1, func(pid string) []*fault.Rule {
				return []*fault.Rule{fault.At(actors.PointAfterRead, pid+"/client-reader").Nth(3)}
			})
			if err != nil {
				t.Fatal(err)
			}
			client, server := s.finish()
			e, err := r.awaitClosed(s.pid)
			if err != nil {
				t.Fatal(err)
			}
			var who []string
			for name := range r.restartsOf(s.pid) {
				if name == "" {
					name = "the session"
				}
				who = append(who, name)
			}
			slices.Sort(who)
			if len(who) == 0 {
				who = []string{"nobody"}
			}
			fate, lost, repeated := "lives", "0", "0"
			if e.Cause != messages.CauseFinished {
				fate, lost = "ends: "+e.Cause.String(), "what was under way"
			}
			for _, saw := range []string{client, server} {
				if saw != fault.Intact && saw != fault.Cut {
					t.Errorf("a peer saw: %s", saw)
					lost, repeated = saw, saw
				}
			}
			fmt.Fprintf(&md, "| `%s` | %s | %s | %s | %s | client: %s, server: %s |\n",
				strategy, strings.Join(who, ", "), fate, lost, repeated, client, server)
		})
	}
	golden(t, "strategies.md", md.String())
}
