package metrics

import (
	"context"
	"net"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// TestSessionsAndBytes holds every figure of some sessions against what was done with them. Bytes show while a session runs.
func TestSessionsAndBytes(t *testing.T) {
	r := newRig(t, actors.Config{Loops: 1, MaxSessions: 1})
	r.want("before anybody came", map[string]float64{
		`sessions{listener="listener"}`: 0, `max_sessions`: 1, `sessions_accepted_total`: 0, `sessions_opened_total`: 0, `draining`: 0,
		`bytes_total{direction="client_to_server"}`: 0, `bytes_total{direction="server_to_client"}`: 0,
		`accept_pauses_total{listener="listener"}`: 0, `accept_paused{listener="listener"}`: 0,
		`loop_lag_timeouts_total`: 0, `process_generation`: 1, `process_restarts_total`: 0,
	})
	client, server := r.open(t)
	opened := await[messages.SessionOpened](r, 1)
	r.pass(1000, client, server)
	r.pass(2500, server, client)
	r.turn()
	r.want("while it runs", map[string]float64{
		`sessions{listener="listener"}`: 1, `sessions_accepted_total`: 1, `sessions_opened_total`: 1,
		`bytes_total{direction="client_to_server"}`: 1000, `bytes_total{direction="server_to_client"}`: 2500,
		`connect_seconds_count`: 1, `connect_seconds_sum`: opened.Took.Seconds(), `session_seconds_count`: 0,
		`sessions_closed_total{cause="finished"}`: 0,
	})
	if lag, ok := scraped(t, r.metrics)[`tcpproxy_loop_lag_seconds{listener="listener"}`]; !ok || lag <= 0 {
		t.Errorf("the lag of the loop is %v (there: %v)", lag, ok)
	}

	second := r.dial(t)
	await[messages.AcceptPaused](r, 1)
	r.want("while another client waits", map[string]float64{
		`accept_pauses_total{listener="listener"}`: 1, `accept_paused{listener="listener"}`: 1, `sessions_accepted_total`: 1,
	})
	client.Close()
	server.Close()
	closed := await[messages.SessionClosed](r, 1)
	await[messages.SessionOpened](r, 2)
	r.want("when the other one is let in", map[string]float64{
		`sessions{listener="listener"}`: 1, `sessions_accepted_total`: 2, `sessions_closed_total{cause="` + closed.Cause.String() + `"}`: 1,
		`session_seconds_count`: 1, `session_seconds_sum`: closed.Age.Seconds(), `bytes_total{direction="client_to_server"}`: 1000,
	})

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.proxy.EndSession(ctx, 2); err != nil {
		t.Fatal(err)
	}
	await[messages.SessionClosed](r, 2)
	await[messages.AcceptResumed](r, 1)
	r.want("when nobody waits", map[string]float64{
		`accept_pauses_total{listener="listener"}`: 1, `accept_paused{listener="listener"}`: 0,
	})
	r.origin.Close()
	third, err := net.Dial("tcp", r.proxy.Addr().String()) // it may be reset before it knows that it was accepted
	await[messages.SessionClosed](r, 3)
	if err == nil {
		third.Close()
	}
	second.Close()
	r.want("in the end", map[string]float64{
		`sessions{listener="listener"}`: 0, `sessions_accepted_total`: 3, `sessions_opened_total`: 2,
		`sessions_closed_total{cause="ended"}`: 1, `sessions_closed_total{cause="refused"}`: 1, `session_seconds_count`: 3,
		`connect_seconds_count`: 2,
	})
	r.proxy.Drain()
	<-r.proxy.Done()
	r.want("when it has stopped", map[string]float64{`draining`: 1, `loop_lag_timeouts_total`: 0, `sessions_accepted_total`: 3})
}

// TestEveryCauseIsThereFromTheStart: a cause that appeared with its first session would not show in a rate.
func TestEveryCauseIsThereFromTheStart(t *testing.T) {
	got := scraped(t, New(Config{}))
	for c := messages.CauseFinished; c <= messages.CauseEnded; c++ {
		if n, ok := got[`tcpproxy_sessions_closed_total{cause="`+c.String()+`"}`]; !ok || n != 0 {
			t.Errorf("%v: %v (there: %v)", c, n, ok)
		}
	}
	if n := len(causes()); n != int(messages.CauseEnded) {
		t.Errorf("%d causes", n)
	}
}

// TestSupervision kills actors in several ways, under two strategies.
func TestSupervision(t *testing.T) {
	r := newRig(t, actors.Config{Loops: 2})
	client, server := r.open(t)
	session := await[messages.SessionOpened](r, 1).PID
	restarts := 0
	kill := func(who, mode string, restarted int) {
		t.Helper()
		if err := r.proxy.Kill(who, mode, "a test"); err != nil {
			t.Fatal(err)
		}
		restarts += restarted
		await[messages.ActorRestarted](r, restarts)
		await[messages.ActorFailed](r, 1)
	}
	before := scraped(t, r.metrics)
	for _, name := range []string{
		`tcpproxy_actor_failures_total{directive="restart",killed="false",kind="client-reader",strategy="one-for-one"}`,
		`tcpproxy_actor_failures_total{directive="stop",killed="true",kind="client-writer",strategy="one-for-one"}`,
		`tcpproxy_actor_kills_total{kind="listener",mode="stop"}`, `tcpproxy_actor_restarts_total{kind="session"}`,
	} {
		if n, ok := before[name]; !ok || n != 0 {
			t.Errorf("before any failure %s is %v (there: %v)", name, n, ok)
		}
	}
	kill(session+"/client-reader", actors.KillPanic, 1)
	kill(session+"/server-writer", actors.KillStop, 1)
	kill("listener-2/acceptor", actors.KillPanic, 1)
	r.want("after three kills", map[string]float64{
		`actor_failures_total{directive="restart",killed="true",kind="client-reader",strategy="one-for-one"}`: 1,
		`actor_failures_total{directive="restart",killed="true",kind="server-writer",strategy="one-for-one"}`: 1,
		`actor_failures_total{directive="restart",killed="true",kind="acceptor",strategy="helper"}`:           1,
		`actor_restarts_total{kind="client-reader"}`:                                                          1,
		`actor_restarts_total{kind="server-writer"}`:                                                          1,
		`actor_restarts_total{kind="acceptor"}`:                                                               1,
		`actor_restarts_total{kind="server-reader"}`:                                                          0,
		`actor_kills_total{kind="client-reader",mode="panic"}`:                                                1,
		`actor_kills_total{kind="server-writer",mode="stop"}`:                                                 1,
		`restart_seconds_count`: 3, `supervision_info{strategy="one-for-one"}`: 1,
	})
	if err := r.proxy.SetSupervision("all-for-one"); err != nil {
		t.Fatal(err)
	}
	await[messages.SupervisionChanged](r, 1)
	r.want("under another strategy", map[string]float64{
		`actor_failures_total{directive="restart",killed="false",kind="client-reader",strategy="all-for-one"}`: 0,
		`supervision_info{strategy="all-for-one"}`:                                                             1,
	})
	kill(session+"/client-reader", actors.KillPanic, 4)
	r.want("when all four have been restarted", map[string]float64{
		`actor_failures_total{directive="restart",killed="true",kind="client-reader",strategy="all-for-one"}`: 1,
		`actor_restarts_total{kind="client-reader"}`:                                                          2,
		`actor_restarts_total{kind="server-reader"}`:                                                          1,
		`restart_seconds_count`: 4, // three of them had not failed themselves
	})
	if err := r.proxy.SetSupervision("stop"); err != nil {
		t.Fatal(err)
	}
	if err := r.proxy.Kill(session+"/client-writer", actors.KillPanic, "a test"); err != nil {
		t.Fatal(err)
	}
	await[messages.SessionClosed](r, 1)
	r.want("when the session was given up", map[string]float64{
		`actor_failures_total{directive="stop",killed="true",kind="client-writer",strategy="stop"}`: 1,
		`sessions_closed_total{cause="supervision"}`:                                                1, `actor_stops_total{kind="session"}`: 1,
		`sessions{listener="listener-1"}`: 0, `sessions{listener="listener-2"}`: 0,
	})
	client.Close()
	server.Close()
}

// TestDefect: an actor that fails by itself is told from one that was killed.
func TestDefect(t *testing.T) {
	broken := make(chan struct{}, 1)
	broken <- struct{}{}
	r := newRig(t, actors.Config{Loops: 1, Fault: func(at actors.Point, _ string) {
		if at == actors.PointBeforeAccept {
			select {
			case <-broken:
				panic("a defect")
			default:
			}
		}
	}})
	r.open(t)
	await[messages.ActorRestarted](r, 1)
	r.want("after a defect", map[string]float64{
		`actor_failures_total{directive="restart",killed="false",kind="acceptor",strategy="helper"}`: 1,
		`actor_failures_total{directive="restart",killed="true",kind="acceptor",strategy="helper"}`:  0,
	})
}

// TestProcess: what goes on after another process tells which one it is from the first scrape on.
func TestProcess(t *testing.T) {
	m := New(Config{Generation: 3, EventsDropped: func() uint64 { return 7 }, LogLinesDropped: func() uint64 { return 8 }})
	r := &rig{T: t, metrics: m}
	r.want("at first", map[string]float64{`process_generation`: 3, `process_restarts_total`: 2, `process_restart_gap_seconds`: 0})
	m.Observe(messages.ProcessRestarted{Generation: 3, After: 1500 * time.Millisecond})
	r.want("when it is known how it went", map[string]float64{
		`process_generation`: 3, `process_restarts_total`: 2, `process_restart_gap_seconds`: 1.5,
		`events_dropped_total`: 7, `log_lines_dropped_total`: 8,
	})
}

// TestFailuresAreExpected: whatever fails under any strategy counts up from a zero that could be scraped before. The failure that brought
// its own counter into being would show in no rate and in no increase.
func TestFailuresAreExpected(t *testing.T) {
	r := newRig(t, actors.Config{Loops: 1, Chaos: 1e-6, MaxRestarts: 1000})
	failures := 0
	kill := func(who, mode string) {
		t.Helper()
		before := scraped(t, r.metrics)
		if err := r.proxy.Kill(who, mode, "a test"); err != nil {
			t.Fatal(err)
		}
		failures++
		e := await[messages.ActorFailed](r, failures)
		after := scraped(t, r.metrics)
		for name, n := range after {
			if _, expected := before[name]; !expected {
				t.Errorf("%s, killed by %s under %s, brought %s %v into being: %+v", who, mode, r.proxy.Supervision(), name, n, e)
			}
		}
	}
	for _, who := range []string{"listener/acceptor", "listener/chaos", "listener"} {
		for _, mode := range []string{actors.KillPanic, actors.KillStop} {
			kill(who, mode)
		}
	}
	for i, s := range actors.SupervisionStrategies() {
		if err := r.proxy.SetSupervision(s.Name); err != nil {
			t.Fatal(err)
		}
		r.open(t)
		kill(await[messages.SessionOpened](r, i+1).PID+"/server-writer", actors.KillPanic)
		if s.Name == "escalate" {
			failures++ // the session's
		}
	}
}
