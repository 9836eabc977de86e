package fault_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

const (
	session = "listener/session-1"
	reader  = session + "/client-reader"
	writer  = session + "/client-writer"
)

// forest is a proxy that looks as one says, without there being one: time need not pass for it.
type forest func(context.Context) (messages.Node, error)

func (f forest) Tree(ctx context.Context) (messages.Node, error) { return f(ctx) }

// states is a forest with one session and one child, each in a state.
func states(ofSession, ofReader string) forest {
	return func(context.Context) (messages.Node, error) {
		return messages.Node{PID: "listener", State: "serving", Children: []messages.Node{
			{PID: session, State: ofSession, Children: []messages.Node{{PID: reader, State: ofReader}}},
		}}, nil
	}
}

// TestWaitsEndWithTheirContext, and say what they waited for and what they saw instead.
func TestWaitsEndWithTheirContext(t *testing.T) {
	opened := messages.SessionOpened{PID: session}
	failed := messages.ActorFailed{PID: reader, Reason: "a test", Strategy: "backoff", Directive: "restart", Delay: time.Second}
	for _, row := range []struct {
		name   string
		events []any
		wait   func(context.Context, *fault.Watch) error
		want   string
	}{
		{"restarted", []any{opened, failed},
			func(ctx context.Context, w *fault.Watch) error { return w.Restarted(ctx, reader, 2) },
			"waited in vain until listener/session-1/client-reader had come back 2 times: it failed once and came back never; at last " +
				"listener/session-1/client-reader failed (a test); backoff says restart after 1s: pending; its session lives"},
		{"failed", []any{opened},
			func(ctx context.Context, w *fault.Watch) error { return w.Failed(ctx, reader, 1) },
			"waited in vain until listener/session-1/client-reader had failed once: it failed never and came back never; its session lives"},
		{"gone", []any{opened},
			func(ctx context.Context, w *fault.Watch) error { _, err := w.Gone(ctx, session); return err },
			"waited in vain until listener/session-1 was over: it failed never and came back never; its session lives"},
		{"opened", nil,
			func(ctx context.Context, w *fault.Watch) error { _, err := w.Opened(ctx, session); return err },
			"waited in vain until listener/session-1 relayed: it failed never and came back never; its session has not relayed yet"},
		{"outcome", nil,
			func(ctx context.Context, w *fault.Watch) error {
				_, err := w.Outcome(ctx, "listener/acceptor")
				return err
			},
			"waited in vain until something had become of a failure of listener/acceptor: it failed never and came back never"},
		{"until", []any{opened, failed},
			func(ctx context.Context, w *fault.Watch) error {
				return w.Until(ctx, "pigs flew", func(*fault.Seen) bool { return false })
			},
			"waited in vain until pigs flew: 1 sessions relayed, 0 are over; actors failed once and came back never"},
		{"quiet, a failure", []any{opened, failed},
			func(ctx context.Context, w *fault.Watch) error { return w.Quiet(ctx, states("relaying", "running")) },
			"waited in vain until the proxy was quiet: listener/session-1/client-reader failed (a test); " +
				"backoff says restart after 1s: pending"},
		{"quiet, the tree", nil,
			func(ctx context.Context, w *fault.Watch) error { return w.Quiet(ctx, states("closing", "gone")) },
			"waited in vain until the proxy was quiet: listener/session-1 is closing; listener/session-1/client-reader is gone"},
		{"quiet, no answer", nil,
			func(ctx context.Context, w *fault.Watch) error {
				return w.Quiet(ctx, forest(func(ctx context.Context) (messages.Node, error) {
					<-ctx.Done()
					return messages.Node{}, ctx.Err()
				}))
			},
			"waited in vain until the proxy was quiet: nobody has looked yet"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fault.NewWatch()
				for _, e := range row.events {
					w.Observe(e)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begun := time.Now()
				err := row.wait(ctx, w)
				if !errors.Is(err, context.DeadlineExceeded) || strings.TrimSuffix(err.Error(), ": context deadline exceeded") != row.want {
					t.Errorf("got  %v\nwant %s: context deadline exceeded", err, row.want)
				}
				if took := time.Since(begun); took != time.Minute {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestWaitsEndWithTheEvent has what is waited for happen later, and not a moment before it do they return.
func TestWaitsEndWithTheEvent(t *testing.T) {
	for _, row := range []struct {
		name   string
		before []any
		event  any
		wait   func(context.Context, *fault.Watch) error
	}{
		{"restarted", []any{messages.ActorRestarted{PID: reader}, messages.ActorRestarted{PID: writer}}, messages.ActorRestarted{PID: reader},
			func(ctx context.Context, w *fault.Watch) error { return w.Restarted(ctx, reader, 2) }},
		{"failed", []any{messages.ActorFailed{PID: writer}}, messages.ActorFailed{PID: reader},
			func(ctx context.Context, w *fault.Watch) error { return w.Failed(ctx, reader, 1) }},
		{"gone", []any{messages.SessionClosed{PID: "listener/session-11"}}, messages.SessionClosed{PID: session, Cause: messages.CauseHung},
			func(ctx context.Context, w *fault.Watch) error {
				if e, err := w.Gone(ctx, session); err != nil || e.Cause != messages.CauseHung {
					return errors.Join(errors.New(e.Cause.String()), err)
				}
				return nil
			}},
		{"opened", nil, messages.SessionOpened{PID: session, ID: 1},
			func(ctx context.Context, w *fault.Watch) error {
				if e, err := w.Opened(ctx, session); err != nil || e.ID != 1 {
					return errors.Join(errors.New("not that event"), err)
				}
				return nil
			}},
		{"outcome", []any{messages.ActorFailed{PID: reader, Directive: "restart"}}, messages.ActorRestarted{PID: reader},
			func(ctx context.Context, w *fault.Watch) error { _, err := w.Outcome(ctx, reader); return err }},
		{"quiet", []any{messages.ActorFailed{PID: reader, Directive: "restart"}}, messages.ActorRestarted{PID: reader},
			func(ctx context.Context, w *fault.Watch) error { return w.Quiet(ctx, states("relaying", "running")) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fault.NewWatch()
				for _, e := range row.before {
					w.Observe(e)
				}
				done := make(chan error, 1)
				go func() { done <- row.wait(t.Context(), w) }()
				time.Sleep(time.Hour) // on the bubble's clock
				select {
				case err := <-done:
					t.Fatalf("it did not wait: %v", err)
				default:
				}
				w.Observe(row.event)
				if err := <-done; err != nil {
					t.Error(err)
				}
				if err := row.wait(t.Context(), w); err != nil { // what has happened stays so
					t.Error(err)
				}
			})
		})
	}
}

// TestNobodyWaitsForADeadSession waits without an end for what cannot come.
func TestNobodyWaitsForADeadSession(t *testing.T) {
	w := fault.NewWatch()
	w.Observe(messages.SessionClosed{PID: session, Cause: messages.CauseRefused, Err: errors.New("a reason")})
	ctx := context.Background()
	_, opened := w.Opened(ctx, session)
	_, outcome := w.Outcome(ctx, reader)
	for name, err := range map[string]error{
		"opened": opened, "outcome": outcome, "restarted": w.Restarted(ctx, reader, 1), "failed": w.Failed(ctx, session, 1),
	} {
		if err == nil || !strings.Contains(err.Error(), "its session is over, with cause refused: a reason") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestQuietLooksMoreThanOnce: one look may fall between a panic and the first word of it.
func TestQuietLooksMoreThanOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fault.NewWatch()
		looks := 0
		err := w.Quiet(t.Context(), forest(func(context.Context) (messages.Node, error) {
			looks++
			switch looks {
			case 3:
				t.Error("it looked although a failure was pending")
			case 2:
				w.Observe(messages.ActorFailed{PID: reader, Directive: "restart"})
				go func() {
					time.Sleep(time.Minute)
					looks = 10
					w.Observe(messages.ActorRestarted{PID: reader})
				}()
			}
			return messages.Node{PID: "listener", State: "serving"}, nil
		}))
		if err != nil || looks != 13 {
			t.Errorf("quiet after look %d: %v", looks, err)
		}
	})
}

// TestQuietLooksAgain: not everything that ends is told by an event, and what is told may be nothing bad.
func TestQuietLooksAgain(t *testing.T) {
	for _, state := range []string{"suspended", "delayed", "gone", "stopping", "closing"} {
		synctest.Test(t, func(t *testing.T) {
			w := fault.NewWatch()
			looks := 0
			err := w.Quiet(t.Context(), forest(func(context.Context) (messages.Node, error) {
				looks++
				if looks == 6 { // the second calm one: those so far do not count
					w.Observe(messages.SessionOpened{PID: session})
				}
				if looks <= 4 {
					return messages.Node{PID: "listener", State: "serving", Children: []messages.Node{{PID: session, State: state}}}, nil
				}
				return messages.Node{PID: "listener", State: "serving"}, nil
			}))
			if err != nil || looks != 9 {
				t.Errorf("%s: quiet after look %d, want 9: %v", state, looks, err)
			}
		})
	}
}

// TestStoppedProxyIsQuiet: nobody is left to ask.
func TestStoppedProxyIsQuiet(t *testing.T) {
	stopped := forest(func(context.Context) (messages.Node, error) { return messages.Node{}, actors.ErrStopped })
	if err := fault.NewWatch().Quiet(t.Context(), stopped); err != nil {
		t.Error(err)
	}
}

// TestOutcomesFollowFromEvents gives a Watch the events of situations that are hard to bring about.
func TestOutcomesFollowFromEvents(t *testing.T) {
	failed := func(pid, directive string) any { return messages.ActorFailed{PID: pid, Directive: directive} }
	back := func(pid string, after time.Duration) any { return messages.ActorRestarted{PID: pid, After: after} }
	for _, row := range []struct {
		name   string
		events []any
		want   []string
	}{
		{"two failures before one restart", []any{failed(reader, "restart"), failed(reader, "restart"), back(reader, 9)},
			[]string{"restarted 9ns", "restarted 9ns"}},
		{"siblings count for the later failure", []any{
			failed(reader, "restart"), back(reader, 1), back(writer, 0), failed(writer, "restart"), back(reader, 0), back(writer, 2),
		}, []string{"restarted 1ns " + writer, "restarted 2ns " + reader}},
		{"another session does not", []any{
			failed(reader, "restart"), failed("listener/session-11", "restart"), back("listener/session-11/client-reader", 0), back(reader, 1),
		}, []string{"restarted 1ns", "pending 0s listener/session-11/client-reader"}},
		{"an escalation has its supervisor's fate", []any{
			failed(reader, "escalate"), failed(session, "restart"), back(session, 3), back(reader, 4), back(writer, 0),
		}, []string{"escalated 4ns " + session + " " + writer, "restarted 3ns " + reader + " " + writer}},
		{"an escalation that ends a session", []any{
			failed(reader, "escalate"), failed(session, "stop"), messages.SessionClosed{PID: session, Cause: messages.CauseSupervision},
		}, []string{"session reset 0s", "session reset 0s"}},
		{"a session that ends first", []any{
			failed(reader, "restart"), messages.SessionClosed{PID: session, Cause: messages.CauseFinished},
		}, []string{"ended 0s"}},
		{"a listener that goes on has nobody restarted", []any{
			failed(reader, "restart"), failed("listener", "resume"), back(writer, 0), back(reader, 1),
		}, []string{"restarted 1ns " + writer, "resumed 0s"}},
		{"a listener that was stopped does", []any{
			failed("listener", "restart"), back("listener/acceptor", 0), back("listener", 2), back(session, 0), back(reader, 0),
		}, []string{"restarted 2ns listener/acceptor " + session + " " + reader}},
		{"nobody need answer a guarded panic", []any{
			failed(reader, "restart"), messages.ActorFailed{PID: reader, Strategy: "guarded", Directive: "restarting"},
			messages.ActorFailed{PID: writer, Strategy: "guarded", Directive: "stopping"}, back(reader, 1), back(writer, 0),
		}, []string{"restarted 1ns " + writer, "guarded 0s", "guarded 0s"}},
		{"helpers leave when clients do not come any more", []any{
			failed("listener/acceptor", "restart"), failed(reader, "restart"), messages.ListenerDraining{Listener: "listener"},
		}, []string{"ended 0s", "pending 0s"}},
		{"nobody comes back after the end", []any{
			failed("listener-1/acceptor", "restart"), failed("listener-10/acceptor", "restart"), messages.ListenerClosed{Listener: "listener-1"},
		}, []string{"ended 0s", "pending 0s"}},
	} {
		w := fault.NewWatch()
		for _, e := range row.events {
			w.Observe(e)
		}
		var got []string
		for _, o := range w.Outcomes() {
			got = append(got, strings.Join(append([]string{o.Fate.String(), o.Gap.String()}, o.With...), " "))
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", row.name, got, row.want)
		}
	}
}
