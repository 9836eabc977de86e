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

// TestHelpersWaitEachForItself: the acceptor fails by itself again and again, and so does chaos. While both wait for their restart, that
// of one must not take the place of the other's, or nobody would ever be let in again.
func TestHelpersWaitEachForItself(t *testing.T) {
	const limit, defects = 1, 8 // the last pause is some 500 ms
	helpers := []string{"listener/acceptor", "listener/chaos"}
	r := newRig(t, actors.Config{MaxRestarts: limit, Within: time.Minute, Chaos: rare},
		fault.At(actors.PointStarted, helpers[0]).Times(defects), fault.At(actors.PointStarted, helpers[1]).Times(defects))
	for _, who := range helpers {
		if err := r.awaitFailures(who, defects); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := r.tree()
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := nodeOf(tree, helpers[1]); !ok || n.State != "delayed" {
		t.Errorf("in the tree %s is %+v", helpers[1], n)
	}
	s, err := r.open(1, 1, nil) // a client that comes meanwhile waits
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	for _, who := range helpers {
		if err := r.await(who+" is back", func(seen *fault.Seen) bool { return seen.Restarts[who] >= defects }); err != nil {
			t.Error(err)
		}
	}
	r.watch.See(func(seen *fault.Seen) {
		for _, who := range helpers {
			first, last := seen.Failures[who][0], seen.Failures[who][defects-1]
			if first.Delay != 0 || last.Delay < 100*time.Millisecond || first.Kill != "" {
				t.Errorf("%s was restarted after %v for the first time, and after %v in the end", who, first.Delay, last.Delay)
			}
		}
	})
}

// TestKilledHelpersDoNotWait: who kills the acceptor on purpose, however often, keeps nobody waiting.
func TestKilledHelpersDoNotWait(t *testing.T) {
	r := newRig(t, actors.Config{MaxRestarts: 1, Within: time.Minute})
	for n := 1; n <= 20; n++ {
		kill := r.fail
		if n%2 == 0 {
			kill = r.stop
		}
		kill("listener/acceptor")
		if err := r.await("the acceptor is back", func(seen *fault.Seen) bool { return seen.Restarts["listener/acceptor"] >= n }); err != nil {
			t.Fatal(err)
		}
	}
	r.watch.See(func(seen *fault.Seen) {
		for _, e := range seen.Failures["listener/acceptor"] {
			if e.Delay != 0 || e.Kill == "" {
				t.Errorf("%+v", e)
			}
		}
	})
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
	defer r.proxy.Subscribe(func(any) { panic("a bad subscriber") })()
	behind := r.proxy.System().EventStream.Subscribe(func(any) { panic("one behind the proxy's back") })
	defer r.proxy.System().EventStream.Unsubscribe(behind)
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
