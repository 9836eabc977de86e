package fault_test

import (
	"context"
	"errors"
	"io"
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

// watched starts a proxy in front of a destination that echoes, and opens a connection through it: session-1.
func watched(t *testing.T, cfg actors.Config) (*actors.Proxy, *fault.Watch, net.Conn, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	destination, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var echoing sync.WaitGroup
	echoing.Go(func() {
		if conn, err := destination.Accept(); err == nil {
			_, _ = io.Copy(conn, conn)
			conn.Close()
		}
	})
	t.Cleanup(echoing.Wait)
	t.Cleanup(func() { destination.Close() })
	watch := fault.NewWatch()
	cfg.Host, cfg.Port, cfg.ListenHost, cfg.Loops = "127.0.0.1", destination.Addr().(*net.TCPAddr).AddrPort().Port(), "127.0.0.1", 1
	proxy, err := actors.Start(cfg, watch.Observe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		proxy.Stop()
		<-proxy.Done()
	})
	client, err := net.Dial("tcp", proxy.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	_ = client.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := watch.Opened(ctx, session); err != nil {
		t.Fatal(err)
	}
	return proxy, watch, client, ctx
}

// below makes PIDs of the names of a session's children.
func below(names ...string) (pids []string) {
	for _, name := range names {
		pids = append(pids, session+"/"+name)
	}
	return pids
}

// TestOutcomeOfEachStrategy kills a child under every strategy that there is, in both ways.
func TestOutcomeOfEachStrategy(t *testing.T) {
	const victim = session + "/server-writer"
	siblings := below("client-reader", "server-reader", "client-writer")
	all := append([]string{session}, siblings...)
	for _, strategy := range actors.SupervisionStrategies() {
		for _, kill := range []string{actors.KillPanic, actors.KillStop} {
			want := fault.Outcome{PID: victim, Kill: kill, Strategy: strategy.Name, Reason: "killed by a test"}
			if kill == actors.KillStop {
				want.Reason = "stopped from outside"
			}
			switch strategy.Name {
			case "one-for-one", "backoff":
				want.Directive, want.Fate = "restart", fault.Restarted
			case "all-for-one":
				want.Directive, want.Fate, want.With = "restart", fault.Restarted, siblings
			case "rest-for-one":
				want.Directive, want.Fate, want.With = "restart", fault.Restarted, siblings[1:]
			case "resume":
				want.Directive, want.Fate = "resume", fault.Resumed
				if kill == actors.KillStop {
					want.Directive, want.Fate = "restart", fault.Restarted
				}
			case "stop":
				want.Directive, want.Fate, want.Cause = "stop", fault.Reset, messages.CauseSupervision
			case "escalate":
				want.Directive, want.Fate, want.With = "escalate", fault.Escalated, all
			default:
				t.Errorf("what does %s do?", strategy.Name)
			}
			t.Run(strategy.Name+"/"+kill, func(t *testing.T) {
				proxy, watch, client, ctx := watched(t, actors.Config{Supervision: strategy.Name})
				if err := watch.Quiet(ctx, proxy); err != nil {
					t.Fatal(err)
				}
				if err := proxy.Kill(victim, kill, "a test"); err != nil {
					t.Fatal(err)
				}
				if err := watch.Quiet(ctx, proxy); err != nil {
					t.Fatal(err)
				}
				got, err := watch.Outcome(ctx, victim)
				if err != nil {
					t.Fatal(err)
				}
				t.Log(got)
				delayed, came := strategy.Name == "backoff", got.Fate == fault.Restarted || got.Fate == fault.Escalated
				if (got.Delay > 0) != delayed || (got.Gap > 0) != came || got.Gap < got.Delay {
					t.Errorf("delay %v, gap %v", got.Delay, got.Gap)
				}
				slices.Sort(got.With)
				slices.Sort(want.With)
				if !slices.Equal(got.With, want.With) {
					t.Errorf("with %v, want %v", got.With, want.With)
				}
				with, text := got.With, got.String()
				got.Delay, got.Gap, got.With, want.With = 0, 0, nil, nil
				if a, b := got.String(), want.String(); a != b || got.Kill != want.Kill || got.Cause != want.Cause {
					t.Errorf("got  %s (%s)\nwant %s (%s)", a, got.Kill, b, want.Kill)
				}
				if !strings.Contains(text, strings.Join(with[:min(1, len(with))], "")) {
					t.Errorf("%s does not name %v", text, with)
				}
				if got.Fate == fault.Reset {
					if e, err := watch.Gone(ctx, session); err != nil || e.Cause != messages.CauseSupervision {
						t.Errorf("%v: %v", e.Cause, err)
					}
					return
				}
				// Whatever it was, the connection did not notice.
				out, in := fault.NewStream(1), fault.NewStream(1)
				sent := out.Send(client, 1<<10)
				if said := fault.Verdict(sent, in.Expect(client, 1<<10)); said != fault.Intact {
					t.Errorf("the client saw: %s", said)
				}
			})
		}
	}
}

// TestOutcomeAboveTheSessions kills those that no session owns.
func TestOutcomeAboveTheSessions(t *testing.T) {
	proxy, watch, _, ctx := watched(t, actors.Config{})
	for i, row := range []struct {
		pid, kill string
		fate      fault.Fate
		with      int
	}{
		{"listener/acceptor", actors.KillPanic, fault.Restarted, 0},
		{"listener/acceptor", actors.KillStop, fault.Restarted, 0},
		{"listener", actors.KillPanic, fault.Resumed, 0},
		{"listener", actors.KillStop, fault.Restarted, 6}, // the acceptor, the session, its children
		{session, actors.KillPanic, fault.Restarted, 4},
		{session, actors.KillStop, fault.Restarted, 4},
	} {
		if err := proxy.Kill(row.pid, row.kill, "a test"); err != nil {
			t.Fatal(err)
		}
		if err := watch.Quiet(ctx, proxy); err != nil {
			t.Fatal(err)
		}
		got, err := watch.Outcome(ctx, row.pid)
		if err != nil || got.Fate != row.fate || got.Kill != row.kill || len(got.With) != row.with {
			t.Errorf("%v, want %v with %d others; %v", got, row.fate, row.with, err)
		}
		if n := len(watch.Outcomes()); n != i+1 {
			t.Errorf("%d outcomes after %d kills", n, i+1)
		}
	}
}

// TestFailAndStop are the same as Proxy.Kill, but for what they say of it.
func TestFailAndStop(t *testing.T) {
	proxy, watch, _, ctx := watched(t, actors.Config{})
	fault.Fail(proxy.System(), reader, "a reason")
	if err := watch.Failed(ctx, reader, 1); err != nil {
		t.Fatal(err)
	}
	if o, err := watch.Outcome(ctx, reader); err != nil || o.Reason != "a reason" || o.Kill != actors.KillPanic {
		t.Errorf("%v, %v", o, err)
	}
	fault.Stop(proxy.System(), reader)
	if err := watch.Restarted(ctx, reader, 2); err != nil {
		t.Fatal(err)
	}
	if o, err := watch.Outcome(ctx, reader); err != nil || o.Kill != actors.KillStop {
		t.Errorf("%v, %v", o, err)
	}
	// Of nobody there is only one that can tell.
	const nobody = session + "/nobody"
	fault.Fail(proxy.System(), nobody, "a reason")
	fault.Stop(proxy.System(), nobody)
	if err := proxy.Kill(nobody, actors.KillStop, "a test"); !errors.Is(err, actors.ErrNoActor) {
		t.Error(err)
	}
	if err := watch.Quiet(ctx, proxy); err != nil {
		t.Error(err)
	}
	if n := len(watch.Outcomes()); n != 2 {
		t.Errorf("%d outcomes: %v", n, watch.Outcomes())
	}
}

// TestQuietAfterGuardedPanics has everybody panic on the way out: nobody answers that, and nobody need.
func TestQuietAfterGuardedPanics(t *testing.T) {
	var rules []*fault.Rule
	for _, at := range []actors.Point{actors.PointRestarting, actors.PointStopping, actors.PointStopped} {
		for _, who := range []string{"*", "*/*", "*/*/*"} {
			rules = append(rules, fault.At(at, who).Times(0))
		}
	}
	plan := fault.NewPlan(rules...)
	proxy, watch, _, ctx := watched(t, actors.Config{Fault: plan.Strike, DrainTimeout: time.Hour})
	for n, kill := range []string{actors.KillPanic, actors.KillStop} {
		if err := proxy.Kill(reader, kill, "a test"); err != nil {
			t.Fatal(err)
		}
		if err := watch.Restarted(ctx, reader, n+1); err != nil {
			t.Fatal(err)
		}
		if o, err := watch.Outcome(ctx, reader); err != nil || o.Fate != fault.Restarted || o.Kill != kill {
			t.Errorf("%v: %v", o, err)
		}
	}
	proxy.Drain()
	if err := watch.Quiet(ctx, proxy); err != nil {
		t.Error(err)
	}
	proxy.Stop()
	<-proxy.Done()
	if o, err := watch.Outcome(ctx, "listener/acceptor"); err != nil || o.Fate != fault.Guarded {
		t.Errorf("%v: %v", o, err)
	}
	if plan.Killed() < 10 {
		t.Errorf("only %d kills", plan.Killed())
	}
}

// TestQuietUnderAStorm kills many at once, of all kinds: when the proxy is quiet, all of that must be over.
func TestQuietUnderAStorm(t *testing.T) {
	for _, strategy := range []string{"one-for-one", "all-for-one", "rest-for-one", "backoff", "resume", "escalate"} {
		proxy, watch, client, ctx := watched(t, actors.Config{Supervision: strategy, MaxRestarts: 1 << 20, Within: time.Millisecond})
		victims := append(below("client-reader", "server-writer", "server-reader", "client-writer"), session, "listener/acceptor", "listener")
		for n := range 50 {
			for i, pid := range victims {
				if i%3 == n%3 {
					fault.Stop(proxy.System(), pid)
				} else if n%2 == 0 {
					fault.Fail(proxy.System(), pid, "a storm")
				}
			}
			if n%5 != 0 {
				continue
			}
			if err := watch.Quiet(ctx, proxy); err != nil {
				t.Fatal(err)
			}
			seen := len(watch.Outcomes())
			for _, o := range watch.Outcomes() {
				if o.Fate == fault.Pending {
					t.Errorf("%s: quiet, but %v", strategy, o)
				}
			}
			said := fault.Verdict(fault.NewStream(1).Send(client, 100), fault.NewStream(1).Expect(client, 100))
			if said != fault.Intact {
				t.Errorf("%s: the client saw: %s", strategy, said)
			}
			if n := len(watch.Outcomes()); n != seen {
				t.Errorf("%s: %d failures when it was quiet, %d later", strategy, seen, n)
			}
		}
	}
}
