package test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// TestSeveralListeners has one listener for each of three loops. Clients are shared out among them; each can be killed without harm to
// the others' sessions, and one port, one list of sessions, one limit and one order to end hold for all.
func TestSeveralListeners(t *testing.T) {
	leaves(t)
	const loops, clients = 3, 60
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer origin.Close()
	serving.Go(func() {
		for {
			conn, err := origin.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				buf := make([]byte, 1<<10)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					if _, err := conn.Write(buf[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	w := fault.NewWatch()
	p, err := actors.Start(actors.Config{
		Host: "127.0.0.1", Port: origin.Addr().(*net.TCPAddr).AddrPort().Port(), ListenHost: "127.0.0.1", Loops: loops, MaxRestarts: never,
	}, w.Observe)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { <-p.Done() }()
	defer p.Stop()
	// Nobody else gets the port, not even somebody who would share it in the same way.
	if other, err := actors.Start(actors.Config{
		Host: "127.0.0.1", Port: 1, ListenHost: "127.0.0.1", ListenPort: p.Addr().Port(), Loops: loops,
	}, nil); err == nil {
		t.Error("a second proxy has got the same port")
		other.Stop()
		<-other.Done()
	}

	var conns []net.Conn
	for range clients {
		conn, err := net.DialTimeout("tcp", p.Addr().String(), patience)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		conns = append(conns, conn)
	}
	exchange := func(when string) {
		t.Helper()
		for i, conn := range conns {
			sent := fmt.Sprintf("%s %d", when, i)
			got := make([]byte, len(sent))
			if _, err := conn.Write([]byte(sent)); err != nil {
				t.Fatalf("%s, client %d: %v", when, i, err)
			}
			for n := 0; n < len(got); {
				m, err := conn.Read(got[n:])
				if err != nil {
					t.Fatalf("%s, client %d: %v", when, i, err)
				}
				n += m
			}
			if string(got) != sent {
				t.Fatalf("%s: client %d got %q", when, i, got)
			}
		}
	}
	exchange("at first")

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tree, err := p.Tree(ctx)
	if err != nil || tree.PID != "guardian" || len(tree.Children) != loops {
		t.Fatalf("the tree: %+v, %v", tree, err)
	}
	owner := map[uint64]string{}
	sessions, err := p.Sessions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	share := map[string]int{}
	for _, s := range sessions {
		if owner[s.ID] != "" {
			t.Errorf("two sessions have the number %d", s.ID)
		}
		owner[s.ID], _, _ = strings.Cut(s.PID, "/")
		share[owner[s.ID]]++
	}
	if len(sessions) != clients || len(share) != loops {
		t.Errorf("%d sessions, shared out as %v", len(sessions), share)
	}

	// Each listener is killed in both ways, and each acceptor.
	for n := 1; n <= loops; n++ {
		who := fmt.Sprintf("listener-%d", n)
		for _, kill := range []struct {
			pid, mode        string
			failed, restarts int // by then
		}{
			{who, actors.KillPanic, 1, 0}, {who, actors.KillStop, 2, 1}, {who + "/acceptor", actors.KillPanic, 1, 2},
		} {
			if err := p.Kill(kill.pid, kill.mode, "a test"); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Failed(ctx, kill.pid, kill.failed), w.Restarted(ctx, kill.pid, kill.restarts)); err != nil {
				t.Fatal(err)
			}
		}
		exchange("after the death of " + who)
	}
	w.See(func(seen *fault.Seen) {
		for pid, n := range seen.Restarts {
			if strings.Count(pid, "/") == 1 && !strings.HasSuffix(pid, "/acceptor") && n != 1 {
				t.Errorf("%s was restarted %d times", pid, n) // once, with its own listener; not with another's
			}
		}
	})

	// One session of each listener is ended by its number.
	done := map[string]bool{}
	for id, who := range owner {
		if !done[who] {
			done[who] = true
			if err := p.EndSession(ctx, id); err != nil {
				t.Errorf("ending session %d: %v", id, err)
			}
			if e, err := w.Gone(ctx, fmt.Sprintf("%s/session-%d", who, id)); err != nil || e.Cause != messages.CauseEnded {
				t.Errorf("%v, %v", e.Cause, err)
			}
		}
	}
	if err := p.SetSupervision("escalate"); err != nil {
		t.Error(err)
	}
	p.Stop()
	<-p.Done()
	w.See(func(seen *fault.Seen) {
		if len(seen.Closed) != clients {
			t.Errorf("%d sessions were closed", len(seen.Closed))
		}
	})
}

// TestLimitOfSessionsHoldsForAllListeners: clients over the limit wait, and get in when one of any listener's sessions ends.
func TestLimitOfSessionsHoldsForAllListeners(t *testing.T) {
	leaves(t)
	const loops, limit, clients = 3, 5, 12
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer origin.Close()
	p, err := actors.Start(actors.Config{
		Host: "127.0.0.1", Port: origin.Addr().(*net.TCPAddr).AddrPort().Port(), ListenHost: "127.0.0.1", Loops: loops, MaxSessions: limit,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { <-p.Done() }()
	defer p.Stop()
	for range clients {
		conn, err := net.DialTimeout("tcp", p.Addr().String(), patience)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for served := 0; served < clients; served++ {
		_ = origin.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
		conn, err := origin.Accept()
		if err != nil {
			t.Fatalf("%d of %d clients were served: %v", served, clients, err)
		}
		defer conn.Close()
		sessions, err := p.Sessions(ctx)
		if err != nil {
			t.Fatal(err)
		}
		// Two listeners may let somebody in at the same moment.
		if len(sessions) > limit+loops-1 {
			t.Errorf("%d sessions, and the limit is %d", len(sessions), limit)
		}
		if served >= limit-1 && len(sessions) > 0 {
			if err := p.EndSession(ctx, sessions[0].ID); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestClientsAreSpread: the system shares out clients by a hash, which few of them may not come out of evenly. No listener ends up with far
// more than another all the same.
func TestClientsAreSpread(t *testing.T) {
	leaves(t)
	const loops = 3
	for _, clients := range []int{10, 100, 1000} {
		t.Run(fmt.Sprint(clients), func(t *testing.T) {
			port := echoing(t)
			p, err := actors.Start(actors.Config{Host: "127.0.0.1", Port: port, ListenHost: "127.0.0.1", Loops: loops}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { <-p.Done() }()
			defer p.Stop()
			for range clients {
				conn, err := net.DialTimeout("tcp", p.Addr().String(), patience)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				if _, err := conn.Write([]byte{1}); err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Read(make([]byte, 1)); err != nil { // it has a session
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			sessions, err := p.Sessions(ctx)
			if err != nil {
				t.Fatal(err)
			}
			share := make([]int, loops)
			for _, s := range sessions {
				share[(s.ID-1)%loops]++
			}
			t.Logf("%d clients are shared out as %v", clients, share)
			least, most := slices.Min(share), slices.Max(share)
			if len(sessions) != clients || most > least+least/4+5 {
				t.Errorf("%d sessions, shared out as %v", len(sessions), share)
			}
		})
	}
}
