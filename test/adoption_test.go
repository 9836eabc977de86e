package test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// Adoption: an actor that stops although nobody in the tree ordered it leaves everything to a successor. A session's is given its
// connection, a listener's the listening socket and all connections.

// TestStoppedSessionIsAdopted stops a session's actor in each kind of traffic, several times.
func TestStoppedSessionIsAdopted(t *testing.T) {
	r := newRig(t, actors.Config{})
	for i, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			s, err := r.begin(sh, uint64(i), nil)
			if err != nil {
				t.Fatal(err)
			}
			for n := 1; n <= 3; n++ {
				r.stop(s.pid)
				if err := r.awaitRestarts(s.pid, map[string]int{"": n, "client-reader": n, "client-writer": n}); err != nil {
					t.Fatal(err)
				}
			}
			if client, server := s.finish(); client != fault.Intact || server != fault.Intact {
				t.Errorf("the client saw: %s; the server saw: %s", client, server)
			}
			if e, err := r.awaitClosed(s.pid); err != nil || e.Cause != messages.CauseFinished {
				t.Errorf("the session ended with %v (%v)", e.Cause, err)
			}
		})
	}
}

// TestStoppedListenerIsAdopted stops the listener under streams of every kind, again and again: all live on, and new clients are let in.
func TestStoppedListenerIsAdopted(t *testing.T) {
	r := newRig(t, actors.Config{MaxRestarts: never})
	var streams []*started
	for i, sh := range shapes {
		s, err := r.begin(sh, uint64(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	const times = 5
	for n := 1; n <= times; n++ {
		r.stop("listener")
		for _, s := range streams {
			if err := r.awaitRestarts(s.pid, map[string]int{"": n, "server-writer": n}); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, client, server, err := r.play(shapes[1], 77, shapes[1].bytes, nil)
	if err != nil || client != fault.Intact || server != fault.Intact {
		t.Errorf("a client that came after: %v, the client saw: %s; the server saw: %s", err, client, server)
	}
	streams = append(streams, &started{stream: s})
	for i, s := range streams[:len(shapes)] {
		if client, server := s.finish(); client != fault.Intact || server != fault.Intact {
			t.Errorf("%s: the client saw: %s; the server saw: %s", shapes[i].name, client, server)
		}
	}
	for _, s := range streams {
		if e, err := r.awaitClosed(s.pid); err != nil || e.Cause != messages.CauseFinished {
			t.Errorf("%s ended with %v (%v)", s.pid, e.Cause, err)
		}
	}
	r.watch.See(func(seen *fault.Seen) {
		if n := seen.Restarts["listener"]; n != times {
			t.Errorf("the listener came back %d times", n)
		}
		if e := seen.Failures["listener"][0]; e.Directive != "restart" || e.Kill != "stop" {
			t.Errorf("the first stop was answered like this: %+v", e)
		}
	})
}

// TestAdoptionWhileConnecting stops the session and the listener while the destination's name is being looked up. The client has sent
// already, and must be served when the answer comes.
func TestAdoptionWhileConnecting(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	r := newRig(t, actors.Config{Host: "origin.test", Lookup: func(ctx context.Context, _ string) ([]netip.Addr, error) {
		close(asked)
		select {
		case <-answer:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}})
	s := make(chan error, 1)
	go func() {
		_, client, server, err := r.play(shapes[0], 3, shapes[0].bytes, nil)
		if err == nil && (client != fault.Intact || server != fault.Intact) {
			err = errors.New("the client saw: " + client + "; the server saw: " + server)
		}
		s <- err
	}()
	<-asked
	const session = "listener/session-1"
	r.stop(session)
	if err := r.awaitRestarts(session, map[string]int{"": 1}); err != nil {
		t.Fatal(err)
	}
	r.fail(session)
	if err := r.awaitRestarts(session, map[string]int{"": 2}); err != nil {
		t.Fatal(err)
	}
	r.stop("listener")
	if err := r.awaitRestarts(session, map[string]int{"": 3}); err != nil {
		t.Fatal(err)
	}
	close(answer)
	if err := <-s; err != nil {
		t.Error(err)
	}
}

// TestStoppedSessionUnderStop has the connection reset if sessions are not to be restarted.
func TestStoppedSessionUnderStop(t *testing.T) {
	r := newRig(t, actors.Config{SessionSupervision: "stop"})
	s, err := r.begin(shapes[2], 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.stop(s.pid)
	e, err := r.awaitClosed(s.pid)
	if err != nil || e.Cause != messages.CauseSupervision || e.Err == nil || !strings.Contains(e.Err.Error(), "stopped from outside") {
		t.Errorf("%+v, %v", e, err)
	}
	if client, server := s.finish(); client != fault.Cut || server != fault.Cut {
		t.Errorf("the client saw: %s; the server saw: %s", client, server)
	}
}

// TestOrdersOutliveTheListener stops the listener right behind an order: its successor obeys.
func TestOrdersOutliveTheListener(t *testing.T) {
	for _, way := range []string{"drain", "stop"} {
		t.Run(way, func(t *testing.T) {
			r := newRig(t, actors.Config{DrainTimeout: patience})
			s, err := r.begin(shapes[1], 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.stop("listener")
			if way == "drain" {
				r.proxy.Drain()
			} else {
				r.proxy.Stop()
			}
			for range 3 {
				r.stop("listener")
				r.fail("listener")
			}
			client, server := s.finish()
			e, err := r.awaitClosed(s.pid)
			if err != nil {
				t.Fatal(err)
			}
			if way == "drain" && (client != fault.Intact || server != fault.Intact || e.Cause != messages.CauseFinished) {
				t.Errorf("a drained session ended with %v; the client saw: %s; the server saw: %s", e.Cause, client, server)
			}
			if way == "stop" && e.Cause != messages.CauseShutdown {
				t.Errorf("a stopped session ended with %v", e.Cause)
			}
			select {
			case <-r.proxy.Done():
			case <-time.After(patience):
				t.Error("the proxy has not stopped")
			}
		})
	}
}

// TestGivingUpSaysWhy: whoever reads the log must learn which actor failed how often, and which flag allows more.
func TestGivingUpSaysWhy(t *testing.T) {
	for _, row := range []struct{ victim, want string }{
		{"/client-reader", "client-reader failed 3 times in 1m0s (--max-restarts 2): on purpose"},
		{"", "session failed 3 times in 1m0s (--max-restarts 2): on purpose"},
	} {
		r := newRig(t, actors.Config{MaxRestarts: 2, Within: time.Minute})
		s, err := r.begin(shapes[2], 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 3; n++ {
			r.fail(s.pid + row.victim)
			if err := r.awaitFailures(s.pid+row.victim, n); err != nil {
				t.Fatal(err)
			}
		}
		e, err := r.awaitClosed(s.pid)
		if err != nil || e.Err == nil || e.Err.Error() != row.want {
			t.Errorf("%q: the session ended with %v: %v; %v", row.victim, e.Cause, e.Err, err)
		}
		s.finish()
	}
}
