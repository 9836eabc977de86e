package actors

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"tcpproxy/messages"
)

// publisher is an endpoint that only publishes.
func publisher(t testing.TB) *endpoint {
	t.Helper()
	p, err := Start(Config{Host: "127.0.0.1", Port: 1, ListenHost: "127.0.0.1", Loops: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		<-p.Done()
	})
	return p.shared.endpoints[0]
}

// publishLargest publishes what connections publish most, and largest.
func publishLargest(e *endpoint) {
	publish(e, messages.SessionClosed{
		ID: 42, PID: e.name, Client: netip.AddrPortFrom(netip.IPv6Loopback(), 1), Cause: messages.CauseHung, Err: errPublished,
		BytesClientToServer: 1 << 40, BytesServerToClient: 1 << 40, Age: time.Hour,
	})
}

var errPublished = errors.New("some error")

// TestPublishingToNobodyCostsNothing: no memory, as long as nobody has subscribed. Whoever does, by either way, hears every event, and
// when he goes it costs nothing again.
func TestPublishingToNobodyCostsNothing(t *testing.T) {
	e := publisher(t)
	mustCostNothing := func(when string) {
		t.Helper()
		if n := testing.AllocsPerRun(1000, func() { publishLargest(e) }); n != 0 {
			t.Errorf("%s: %v allocations for an event that nobody hears, want none", when, n)
		}
	}
	mustCostNothing("at first")
	var heard atomic.Int64
	hear := func(event any) {
		if _, yes := event.(messages.SessionClosed); yes {
			heard.Add(1)
		}
	}
	unsubscribe := e.subscribe(hear)
	publishLargest(e)
	behind := e.system.EventStream.Subscribe(hear)
	publishLargest(e)
	unsubscribe()
	publishLargest(e)
	e.system.EventStream.Unsubscribe(behind)
	if n := heard.Load(); n != 4 {
		t.Errorf("%d events were heard, want 1 by one subscriber, 2 by two, and 1 by the one left", n)
	}
	mustCostNothing("after the last has unsubscribed")
}

// BenchmarkPublish is what an event costs the goroutine that publishes it.
func BenchmarkPublish(b *testing.B) {
	for _, test := range []struct {
		name        string
		subscribers int
	}{{"nobody", 0}, {"one", 1}, {"four", 4}} {
		b.Run(test.name, func(b *testing.B) {
			e := publisher(b)
			for range test.subscribers {
				e.subscribe(func(any) {})
			}
			b.ReportAllocs()
			for b.Loop() {
				publishLargest(e)
			}
		})
	}
}
