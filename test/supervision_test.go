package test

import (
	"fmt"
	"maps"
	"testing"

	"tcpproxy/actors"
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
				if client, server := s.finish(); client != intact || server != intact {
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
