package test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// TestStartReturnsWhenTheTreeStands: whoever kills the acceptor right after Start finds it there.
func TestStartReturnsWhenTheTreeStands(t *testing.T) {
	for _, loops := range []int{1, 3} {
		lost := make(chan any, 100)
		for range 20 {
			failed := make(chan messages.ActorFailed, 1)
			p, err := actors.Start(actors.Config{Host: "127.0.0.1", Port: 1, ListenHost: "127.0.0.1", Loops: loops}, func(event any) {
				switch e := event.(type) {
				case messages.ActorFailed:
					failed <- e
				case *actor.DeadLetterEvent:
					lost <- e
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			who := "listener/acceptor"
			if loops > 1 {
				who = "listener-3/acceptor"
			}
			system := p.Systems()[loops-1]
			system.Root.Send(system.NewLocalPID(who), &messages.Fail{Reason: "on purpose"})
			select {
			case e := <-failed:
				if e.PID != who || e.Kill != "panic" {
					t.Errorf("failed: %+v", e)
				}
			case e := <-lost:
				t.Errorf("a dead letter: %+v", e)
			case <-time.After(patience):
				t.Fatal("nobody failed")
			}
			p.Stop()
			<-p.Done()
		}
	}
}

// TestDoor uses the methods of Proxy as an embedder would.
func TestDoor(t *testing.T) {
	r := newRig(t, actors.Config{DrainTimeout: time.Hour})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := r.begin(shapes[2], 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := r.proxy.Sessions(ctx)
	if err != nil || len(sessions) != 1 || sessions[0].ID != 1 || sessions[0].PID != s.pid || sessions[0].State != "relaying" ||
		sessions[0].Client != s.client.LocalAddr().String() || sessions[0].Server != s.server.LocalAddr().String() ||
		sessions[0].BytesClientToServer == 0 || sessions[0].BytesServerToClient == 0 {
		t.Errorf("sessions: %+v, %v", sessions, err)
	}
	if err := r.proxy.EndSession(ctx, 2); !errors.Is(err, actors.ErrNoSession) {
		t.Errorf("ending a session that does not exist: %v", err)
	}
	if err := r.proxy.Kill(s.pid+"/nobody", actors.KillPanic, "a test"); !errors.Is(err, actors.ErrNoActor) {
		t.Errorf("killing nobody: %v", err)
	}
	if err := r.proxy.Kill("eventstream", actors.KillStop, "a test"); !errors.Is(err, actors.ErrNoActor) {
		t.Errorf("killing one of the library's: %v", err)
	}
	if err := r.proxy.Kill(s.pid, "softly", "a test"); err == nil {
		t.Error("there is no such way to kill")
	}

	// A live session is supervised by the new strategy from its next failure on.
	if err := r.proxy.SetSupervision("hope"); err == nil {
		t.Error("there is no such strategy")
	}
	if err := r.proxy.SetSupervision("all-for-one"); err != nil || r.proxy.Supervision() != "all-for-one" {
		t.Errorf("%q, %v", r.proxy.Supervision(), err)
	}
	if err := r.proxy.Kill(s.pid+"/server-reader", actors.KillPanic, "a test"); err != nil {
		t.Error(err)
	}
	want, _ := answer("all-for-one", "server-reader", 1, false)
	if err := r.awaitRestarts(s.pid, want); err != nil {
		t.Error(err)
	}
	if got := r.restartsOf(s.pid); !maps.Equal(got, want) {
		t.Errorf("restarts %v, want %v", got, want)
	}

	// Shutdown waits for the session until the context ends.
	short, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	if err := r.proxy.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown in haste: %v", err)
	}
	if client, server := s.finish(); client != fault.Cut || server != fault.Cut {
		t.Errorf("the client saw: %s; the server saw: %s", client, server)
	}
	if _, err := r.proxy.Tree(ctx); !errors.Is(err, actors.ErrStopped) {
		t.Errorf("asking a proxy that has stopped: %v", err)
	}
	if err := r.proxy.EndSession(ctx, 1); !errors.Is(err, actors.ErrStopped) {
		t.Errorf("telling a proxy that has stopped: %v", err)
	}
	if err := r.proxy.Shutdown(ctx); err != nil {
		t.Errorf("a second shutdown: %v", err)
	}
}

// TestEndSession ends one of two sessions; the other does not notice.
func TestEndSession(t *testing.T) {
	r := newRig(t, actors.Config{})
	a, err := r.begin(shapes[1], 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.begin(shapes[1], 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.end(a.pid); err != nil {
		t.Fatal(err)
	}
	if e, err := r.awaitClosed(a.pid); err != nil || e.Cause != messages.CauseEnded {
		t.Errorf("%v, %v", e.Cause, err)
	}
	if client, server := a.finish(); client != fault.Cut || server != fault.Cut {
		t.Errorf("the one that was ended: the client saw: %s; the server saw: %s", client, server)
	}
	if client, server := b.finish(); client != fault.Intact || server != fault.Intact {
		t.Errorf("the other: the client saw: %s; the server saw: %s", client, server)
	}
}

// TestYourOwnStrategy registers a strategy from outside: it restarts twice, then ends the session.
func TestYourOwnStrategy(t *testing.T) {
	twice := actors.Strategy{Name: "twice", Summary: "restart it twice", Answer: func(f actors.Failure) {
		if f.Recent(f.Who()) > 2 {
			f.Stop()
			return
		}
		f.Restart(f.Who())
	}}
	mute := actors.Strategy{Name: "mute", Summary: "say nothing", Answer: func(actors.Failure) {}}
	r := newRig(t, actors.Config{Supervision: "twice", Strategies: []actors.Strategy{twice, mute}})
	for _, row := range []struct {
		strategy string
		survives int
	}{{"twice", 2}, {"mute", 0}} {
		if err := r.proxy.SetSupervision(row.strategy); err != nil {
			t.Fatal(err)
		}
		s, err := r.begin(shapes[2], 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		who := s.pid + "/client-writer"
		for n := 1; n <= row.survives; n++ {
			r.fail(who)
			if err := r.awaitRestarts(s.pid, map[string]int{"client-writer": n}); err != nil {
				t.Fatal(err)
			}
		}
		r.fail(who)
		if e, err := r.awaitClosed(s.pid); err != nil || e.Cause != messages.CauseSupervision {
			t.Errorf("%s: the session ended with %v, %v", row.strategy, e.Cause, err)
		}
		s.finish()
	}
}

// TestManyAsk: all who ask at once are shown one survey, in one form or the other. Nobody may change what others look at; that is for the
// race detector to see.
func TestManyAsk(t *testing.T) {
	r := newRig(t, actors.Config{})
	for i := range 20 {
		s, err := r.open(uint64(i), 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 20 {
				if i%2 == 0 {
					tree, err := r.proxy.Tree(ctx)
					if err != nil || len(tree.Children) != 21 {
						t.Errorf("%d children in the tree, %v", len(tree.Children), err)
					}
					continue
				}
				sessions, err := r.proxy.Sessions(ctx)
				inOrder := slices.IsSortedFunc(sessions, func(a, b messages.Session) int { return int(a.ID) - int(b.ID) })
				if err != nil || len(sessions) != 20 || !inOrder {
					t.Errorf("%d sessions, %v", len(sessions), err)
				}
			}
		})
	}
	all.Wait()
}
