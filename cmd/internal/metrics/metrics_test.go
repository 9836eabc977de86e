package metrics

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// fake is a proxy whose loop answers as a test wants it to.
type fake struct {
	lag func(ctx context.Context) ([]time.Duration, error)
}

var fakeThatAnswers = fake{func(context.Context) ([]time.Duration, error) { return []time.Duration{time.Millisecond}, nil }}

func (f fake) Stats() actors.Stats {
	return actors.Stats{Loops: []actors.LoopStats{{Listener: "listener"}}, MaxSessions: 10}
}

func (f fake) Lag(ctx context.Context) ([]time.Duration, error) { return f.lag(ctx) }

func (f fake) Supervision() string { return "one-for-one" }

// TestLoopThatDoesNotAnswer: the rest of the metrics is served, and what happens meanwhile is counted without waiting for the scrape.
func TestLoopThatDoesNotAnswer(t *testing.T) {
	asked := make(chan struct{})
	r := &rig{T: t, metrics: New(Config{})}
	r.metrics.Serve(fake{func(ctx context.Context) ([]time.Duration, error) {
		asked <- struct{}{}
		<-asked // while the scrape waits here, the test goes on
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	var scraping sync.WaitGroup
	var got map[string]float64
	scraping.Go(func() { got = scraped(t, r.metrics) })
	<-asked
	for _, event := range []any{
		messages.SessionAccepted{}, messages.SessionOpened{}, messages.SessionClosed{Cause: messages.CauseIdle},
		messages.ActorFailed{PID: "listener", Strategy: "one of your own", Directive: "restart"}, messages.AcceptPaused{Listener: "new"},
		messages.ActorKilled{PID: "somebody", Mode: "softly"},
	} {
		r.metrics.Observe(event)
	}
	asked <- struct{}{}
	scraping.Wait()
	if n, ok := got[`tcpproxy_loop_lag_seconds{listener="listener"}`]; ok {
		t.Errorf("the lag that nobody knows is %v", n)
	}
	if n := got["tcpproxy_loop_lag_timeouts_total"]; n != 1 {
		t.Errorf("%v timeouts", n)
	}
	if got["tcpproxy_max_sessions"] != 10 || got["go_goroutines"] == 0 {
		t.Errorf("the rest is missing: %v", got)
	}
	if _, ok := got["process_open_fds"]; !ok && runtime.GOOS == "linux" {
		t.Error("the process is missing")
	}
}

// TestStoppedProxyIsNoTimeout: nor is it a reason not to answer.
func TestStoppedProxyIsNoTimeout(t *testing.T) {
	r := &rig{T: t, metrics: New(Config{})}
	r.metrics.Serve(fake{func(context.Context) ([]time.Duration, error) { return nil, actors.ErrStopped }})
	r.want("after the end", map[string]float64{`loop_lag_timeouts_total`: 0, `max_sessions`: 10})
}

// TestSeriesDoNotGrowWithTraffic: whatever number, address or reason events carry.
func TestSeriesDoNotGrowWithTraffic(t *testing.T) {
	m := New(Config{})
	m.Serve(fakeThatAnswers)
	storm(m, 1)
	before := len(scraped(t, m))
	for i := range uint64(1000) {
		storm(m, i)
	}
	if after := len(scraped(t, m)); after != before {
		t.Errorf("%d series at first, %d after a thousand sessions", before, after)
	}
}

// storm is an event of every type, of the i-th session.
func storm(m *Metrics, i uint64) {
	session := fmt.Sprintf("listener/session-%d", i)
	client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(i >> 8), byte(i)}), uint16(i))
	m.Observe(messages.SessionAccepted{ID: i, PID: session, Client: client})
	m.Observe(messages.SessionOpened{ID: i, PID: session, Client: client, Took: time.Duration(i)})
	m.Observe(messages.ActorKilled{PID: session + "/client-reader", Kind: "client-reader", Mode: "panic"})
	m.Observe(messages.ActorFailed{PID: session + "/client-reader", Reason: session, Strategy: "stop", Directive: "stop", Kill: "panic"})
	m.Observe(messages.ActorRestarted{PID: session + "/client-reader", Restarts: uint32(i), After: time.Duration(i)})
	m.Observe(messages.ActorStopped{PID: session, Reason: session})
	m.Observe(messages.AcceptPaused{Listener: "listener", Reason: session})
	m.Observe(messages.AcceptResumed{Listener: "listener"})
	m.Observe(messages.SupervisionChanged{Strategy: "stop", Was: "one-for-one"})
	m.Observe(messages.ActorFailed{PID: fmt.Sprintf("somebody-else/of-%d", i), Strategy: "stop", Directive: "stop"})
	m.Observe(messages.SessionClosed{ID: i, PID: session, Client: client, Cause: messages.CauseHung, Err: errors.New(session)})
	m.Observe(messages.ListenerDraining{Listener: "listener"})
}

// TestScrapesAndEventsAtOnce is for the race detector; and no event is lost, and no counter goes back.
func TestScrapesAndEventsAtOnce(t *testing.T) {
	const publishers, each = 4, 500
	m := New(Config{})
	m.Serve(fakeThatAnswers)
	var publishing, scraping sync.WaitGroup
	var over atomic.Bool
	for range publishers {
		publishing.Go(func() {
			for range each {
				storm(m, rand.Uint64N(100))
			}
		})
	}
	for range 3 {
		scraping.Go(func() {
			for last := 0.0; !over.Load(); {
				now := scraped(t, m)["tcpproxy_sessions_accepted_total"]
				if now < last {
					t.Errorf("%v after %v", now, last)
				}
				last = now
			}
		})
	}
	publishing.Wait()
	over.Store(true)
	scraping.Wait()
	r := &rig{T: t, metrics: m}
	r.want("when all is over", map[string]float64{
		`sessions_accepted_total`: publishers * each, `connect_seconds_count`: publishers * each, `session_seconds_count`: publishers * each,
		`sessions_closed_total{cause="hung"}`:                                                       publishers * each,
		`actor_failures_total{directive="stop",killed="true",kind="client-reader",strategy="stop"}`: publishers * each,
		`accept_pauses_total{listener="listener"}`:                                                  publishers * each,
	})
}

// TestTallyLosesNothing when many count the same new thing at once.
func TestTallyLosesNothing(t *testing.T) {
	const keys, counters = 20000, 8
	var counts tally[int]
	var begin, counting sync.WaitGroup
	begin.Add(counters)
	for range counters {
		counting.Go(func() {
			begin.Done()
			begin.Wait()
			for key := range keys {
				counts.of(key).Add(1)
			}
		})
	}
	counting.Wait()
	sum := uint64(0)
	counts.each(func(_ int, n uint64) { sum += n })
	if sum != keys*counters {
		t.Errorf("%d, want %d", sum, keys*counters)
	}
}

func TestKinds(t *testing.T) {
	for pid, want := range map[string]string{
		"listener": "listener", "listener-12": "listener", "listener/acceptor": "acceptor", "listener-2/chaos": "chaos",
		"listener/session-42": "session", "listener-1/session-42/client-reader": "client-reader",
		"listener/session-1/server-writer": "server-writer", "listener/session-1/server-reader": "server-reader",
		"listener/session-1/client-writer": "client-writer",
		"":                                 "other", "guardian": "other", "listener/session-1/x": "other", "9": "other", "listener/": "other",
	} {
		if got := kindOf(pid); got != want {
			t.Errorf("%q is a %s, want %s", pid, got, want)
		}
	}
}

// TestHistogramsAreOfBothKinds: a Prometheus that asks for native ones gets those, and everybody the classic ones.
func TestHistogramsAreOfBothKinds(t *testing.T) {
	m := New(Config{})
	storm(m, 1000)
	all, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range all {
		for _, x := range f.GetMetric() {
			if h := x.GetHistogram(); h != nil && f.GetName()[:len(prefix)] == prefix {
				found++
				if len(h.GetBucket()) == 0 || len(h.GetPositiveSpan())+int(h.GetZeroCount()) == 0 {
					t.Errorf("%s has %d classic buckets and %d native spans", f.GetName(), len(h.GetBucket()), len(h.GetPositiveSpan()))
				}
			}
		}
	}
	if found != 3 {
		t.Errorf("%d histograms", found)
	}
}

// TestOthersEventsAreIgnored: the event stream carries the library's, too.
func TestOthersEventsAreIgnored(t *testing.T) {
	m := New(Config{})
	before := scraped(t, m)["tcpproxy_sessions_accepted_total"]
	for _, event := range []any{nil, "text", &messages.SessionAccepted{}, struct{}{}} {
		m.Observe(event)
	}
	if after := scraped(t, m)["tcpproxy_sessions_accepted_total"]; after != before {
		t.Errorf("%v, then %v", before, after)
	}
}
