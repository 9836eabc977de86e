package test

import (
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// rare is a rate of chaos that never strikes within a test: it is there to be killed.
const rare = 1e-6

// childOf finds an actor in the tree.
func nodeOf(n messages.Node, pid string) (messages.Node, bool) {
	if n.PID == pid {
		return n, true
	}
	for _, c := range n.Children {
		if found, ok := nodeOf(c, pid); ok {
			return found, true
		}
	}
	return messages.Node{}, false
}

// TestHelpersWaitEachForItself: the acceptor has failed too often and waits for its restart, when chaos fails too often, too. That one's
// pause must not take the place of the acceptor's, or nobody would ever be let in again.
func TestHelpersWaitEachForItself(t *testing.T) {
	for _, kill := range []string{"fail", "stop"} {
		t.Run(kill, func(t *testing.T) {
			r := newRig(t, actors.Config{MaxRestarts: 1, Within: time.Minute, Chaos: rare})
			strike := r.fail
			if kill == "stop" {
				strike = r.stop
			}
			const kills = 7 // the pause is then some 300 ms
			for n := 1; n <= kills; n++ {
				for _, who := range []string{"listener/acceptor", "listener/chaos"} {
					strike(who)
					if err := r.awaitFailures(who, n); err != nil {
						t.Fatal(err)
					}
				}
				if n < kills {
					for _, who := range []string{"listener/acceptor", "listener/chaos"} {
						if err := r.await(who+" is back", func(seen *fault.Seen) bool { return seen.Restarts[who] >= n }); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			tree, err := r.tree()
			if err != nil {
				t.Fatal(err)
			}
			for _, who := range []string{"listener/acceptor", "listener/chaos"} {
				if n, ok := nodeOf(tree, who); !ok || n.State != "delayed" {
					t.Errorf("in the tree %s is %+v", who, n)
				}
			}
			s, err := r.open(1, 1, nil) // a client that comes meanwhile waits
			if err != nil {
				t.Fatal(err)
			}
			s.close()
			r.watch.See(func(seen *fault.Seen) {
				for _, who := range []string{"listener/acceptor", "listener/chaos"} {
					first, last := seen.Failures[who][0], seen.Failures[who][kills-1]
					if first.Delay != 0 || last.Delay < 100*time.Millisecond {
						t.Errorf("%s was restarted after %v for the first time, and after %v in the end", who, first.Delay, last.Delay)
					}
				}
			})
		})
	}
}

// TestTreeShowsTheHelpers: the acceptor and chaos stand in the tree, with what they do and how often they have been restarted.
func TestTreeShowsTheHelpers(t *testing.T) {
	r := newRig(t, actors.Config{Chaos: rare})
	r.fail("listener/chaos")
	if err := r.await("chaos is back", func(seen *fault.Seen) bool { return seen.Restarts["listener/chaos"] == 1 }); err != nil {
		t.Fatal(err)
	}
	tree, err := r.tree()
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := nodeOf(tree, "listener/acceptor"); !ok || n.State != "accepting" || n.Restarts != 0 || n.Kind != "acceptor" {
		t.Errorf("the acceptor: %+v", n)
	}
	if n, ok := nodeOf(tree, "listener/chaos"); !ok || n.State != "running" || n.Restarts != 1 || n.Kind != "chaos" {
		t.Errorf("chaos: %+v", n)
	}
}

// TestSubscribersHarmNobody has a subscriber panic on every event, and sessions and the proxy end nevertheless.
func TestSubscribersHarmNobody(t *testing.T) {
	r := newRig(t, actors.Config{}, fault.At(actors.PointStopped, "*/*/*").Times(0))
	bad := r.proxy.System().EventStream.Subscribe(func(any) { panic("a bad subscriber") })
	defer r.proxy.System().EventStream.Unsubscribe(bad)
	for i, sh := range shapes[:3] {
		s, client, server, err := r.play(sh, uint64(i), sh.bytes, nil)
		if err != nil || client != fault.Intact || server != fault.Intact {
			t.Fatalf("%s: the client saw: %s; the server saw: %s; %v", sh.name, client, server, err)
		}
		r.fail("listener/acceptor")
		if e, err := r.awaitClosed(s.pid); err != nil || e.Cause != messages.CauseFinished {
			t.Errorf("%v, %v", e.Cause, err)
		}
	}
	r.proxy.Stop()
	select {
	case <-r.proxy.Done():
	case <-time.After(patience):
		t.Error("the proxy has not stopped")
	}
}
