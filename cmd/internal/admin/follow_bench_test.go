package admin

import (
	"fmt"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"tcpproxy/messages"
)

// BenchmarkFollowers is what an event costs with so many who follow: the goroutine that publishes it, and the processors in all, the
// readers' part included, at a thousand events a second.
func BenchmarkFollowers(b *testing.B) {
	event := any(messages.ActorRestarted{PID: "listener/session-42/client-reader", Restarts: 3, After: time.Millisecond, Kill: "panic"})
	for _, readers := range []int{0, 1, 10} {
		b.Run(fmt.Sprint(readers), func(b *testing.B) {
			server := newFake().serve(b, Config{})
			for range readers {
				answer, err := http.Get("http://" + server.Addr().String() + "/api/events")
				if err != nil {
					b.Fatal(err)
				}
				defer answer.Body.Close()
				go func() { _, _ = io.Copy(io.Discard, answer.Body) }()
			}
			server.hub.isFollowedBy(b, readers)
			var publishing time.Duration
			before, n := used(), 0
			for b.Loop() {
				begun := time.Now()
				for range 10 {
					server.Observe(event)
				}
				publishing += time.Since(begun)
				n += 10
				time.Sleep(10 * time.Millisecond)
			}
			b.ReportMetric(float64(publishing)/float64(n), "ns-publishing/event")
			b.ReportMetric(float64(used()-before)/float64(n), "ns-cpu/event")
			b.ReportMetric(float64(server.EventsDropped()), "dropped")
		})
	}
}

// used is the processor time of this process.
func used() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
