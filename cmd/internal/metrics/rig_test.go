package metrics

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tcpproxy/actors"
)

// patience bounds every wait for something that must happen.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	// A goroutine of the actor library that ends by itself, a second after a storm of dead letters.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}

// rig is a real proxy in this process, with a destination, and its metrics.
type rig struct {
	*testing.T
	metrics *Metrics
	proxy   *actors.Proxy
	origin  net.Listener

	mu    sync.Mutex
	seen  []any // events, after the metrics have had them
	woken *sync.Cond
}

func newRig(t testing.TB, cfg actors.Config) *rig {
	t.Helper()
	r := &rig{metrics: New(Config{})}
	r.T, _ = t.(*testing.T)
	r.woken = sync.NewCond(&r.mu)
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.origin = origin
	cfg.Host, cfg.Port, cfg.ListenHost = "127.0.0.1", uint16(origin.Addr().(*net.TCPAddr).Port), "127.0.0.1"
	r.proxy, err = actors.Start(cfg, func(event any) {
		r.metrics.Observe(event)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, event)
		r.woken.Broadcast()
	})
	if err != nil {
		t.Fatal(err)
	}
	r.metrics.Serve(r.proxy)
	t.Cleanup(func() {
		r.proxy.Stop()
		<-r.proxy.Done()
		r.origin.Close()
	})
	return r
}

// open makes a connection through the proxy.
func (r *rig) open(t testing.TB) (client, server net.Conn) {
	t.Helper()
	client = r.dial(t)
	server, err := r.origin.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

func (r *rig) dial(t testing.TB) net.Conn {
	t.Helper()
	client, err := net.Dial("tcp", r.proxy.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// await returns the n-th event of a type, from 1. What the proxy does right after it is done, too.
func await[E any](r *rig, n int) (event E) {
	r.Helper()
	timer := time.AfterFunc(patience, func() { r.woken.Broadcast() })
	defer timer.Stop()
	end := time.Now().Add(patience)
	r.mu.Lock()
	for found := false; !found; {
		left := n
		for _, e := range r.seen {
			if is, ok := e.(E); ok {
				if left--; left == 0 {
					event, found = is, true
				}
			}
		}
		if !found {
			if time.Now().After(end) {
				r.mu.Unlock()
				r.Fatalf("no %T number %d in %v", event, n, patience)
			}
			r.woken.Wait()
		}
	}
	r.mu.Unlock()
	r.turn()
	return event
}

// turn returns when every loop has done what was to be done.
func (r *rig) turn() {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := r.proxy.Lag(ctx); err != nil {
		r.Fatal(err)
	}
}

// want scrapes, and compares some values.
func (r *rig) want(when string, want map[string]float64) {
	r.Helper()
	got := scraped(r.T, r.metrics)
	for name, value := range want {
		if is, ok := got[prefix+name]; !ok || is != value {
			r.Errorf("%s: %s is %v (there: %v), want %v", when, name, is, ok, value)
		}
	}
}

// scraped is what a scrape answers: values by name and labels.
func scraped(t testing.TB, m *Metrics) map[string]float64 {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	all := map[string]float64{}
	for _, line := range strings.Split(answer.Body.String(), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all[line[:at]] = value
	}
	return all
}

// pass sends n bytes from one end to the other.
func (r *rig) pass(n int, from, to net.Conn) {
	r.Helper()
	if _, err := from.Write(make([]byte, n)); err != nil {
		r.Fatal(err)
	}
	if _, err := io.ReadFull(to, make([]byte, n)); err != nil {
		r.Fatal(err)
	}
}
