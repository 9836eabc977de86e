package metrics

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// BenchmarkScrape scrapes a proxy with a thousand sessions, and one with none: the two should not differ by much, but for the descriptors,
// which the system is asked to count.
func BenchmarkScrape(b *testing.B) {
	for _, size := range []struct {
		name     string
		sessions int
	}{{"nobody", 0}, {"1000-sessions", 1000}} {
		b.Run(size.name, func(b *testing.B) {
			r := newRig(b, actors.Config{Loops: 1, IdleTimeout: time.Hour})
			for range size.sessions {
				r.open(b)
			}
			handler := r.metrics.Handler()
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
			}
		})
	}
}

// BenchmarkObserve is what a session costs the loop that it lives in, from beginning to end.
func BenchmarkObserve(b *testing.B) {
	m := New(Config{})
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(messages.SessionAccepted{ID: 1})
		m.Observe(messages.SessionOpened{ID: 1, Took: time.Millisecond})
		m.Observe(messages.SessionClosed{ID: 1, Cause: messages.CauseFinished, Age: time.Second})
	}
}
