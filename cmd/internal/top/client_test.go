package top

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api is an admin API that notes what it is asked to do.
type api struct {
	*httptest.Server
	mu      sync.Mutex
	ordered []string
	mux     *http.ServeMux
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{mux: http.NewServeMux()}
	seen := lookAt(2, 1, 0)
	answer := func(what any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Total-Count", "5")
			_ = json.NewEncoder(w).Encode(what)
		}
	}
	note := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			a.mu.Lock()
			a.ordered = append(a.ordered, r.Method+" "+r.URL.RequestURI()+" "+string(body))
			a.mu.Unlock()
			_, _ = io.WriteString(w, text)
		}
	}
	a.mux.HandleFunc("GET /api/tree", answer(seen.tree))
	a.mux.HandleFunc("GET /api/sessions", answer(seen.sessions))
	a.mux.HandleFunc("POST /api/faults", note(`{"outcome":"restarted","by":"one-for-one: restart","incarnation":2,"after_s":0.000029}`))
	a.mux.HandleFunc("PUT /api/supervision", note("{}"))
	a.mux.HandleFunc("DELETE /api/sessions/{id}", note(""))
	a.Server = httptest.NewServer(a.mux)
	t.Cleanup(a.Close)
	return a
}

func (a *api) addr() string { return strings.TrimPrefix(a.URL, "http://") }

func (a *api) client(t *testing.T) *client {
	t.Helper()
	c, err := newClient(Config{Addr: a.addr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// What the keys order reaches the API, and its answer the screen.
func TestOrders(t *testing.T) {
	a := newAPI(t)
	m := newTestModel()
	m.client = a.client(t)
	tell(m, m.Init()())
	mustShow(t, m, "5 sessions") // and two of them are known
	for _, order := range []struct{ keys, want, shown string }{
		{"<down><down><down>k", `POST /api/faults?wait=2s {"pid":"listener/session-1/client-reader","mode":"panic"}`,
			"panic of session-1/client-reader: restarted after 29µs by one-for-one: restart"},
		{"<up>K", `POST /api/faults?wait=2s {"pid":"listener/session-1","mode":"stop"}`, "stop of session-1: restarted"},
		{"s<down><enter>", `PUT /api/supervision {"strategy":"all-for-one"}`, "from the next failure on, all-for-one answers"},
		{"ey", `DELETE /api/sessions/1 `, "session 1 is being ended"},
	} {
		command := tell(m, keys(order.keys)...)
		if command == nil {
			t.Fatalf("%s does nothing", order.keys)
		}
		tell(m, command())
		if got := a.ordered[len(a.ordered)-1]; got != order.want {
			t.Errorf("%s: %q, want %q", order.keys, got, order.want)
		}
		mustShow(t, m, order.shown)
	}
	ordered := len(a.ordered)
	for _, harmless := range []string{"en", "s<down><esc>", "<home>e"} {
		if command := tell(m, keys(harmless)...); command != nil {
			t.Errorf("%s does something", harmless)
		}
	}
	if len(a.ordered) != ordered {
		t.Errorf("more was ordered: %q", a.ordered[ordered:])
	}
}

// Where there are more sessions than are asked for, a search is the proxy's, too.
func TestSearchReachesAll(t *testing.T) {
	a := newAPI(t)
	queries := make(chan string, 10)
	a.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		queries <- r.URL.Query().Get("limit") + " " + r.URL.Query().Get("q")
		a.mux.ServeHTTP(w, r)
	})
	m := newTestModel()
	m.client = a.client(t)
	l := lookAt(2, 1, 0)
	tell(m, looked(l))
	tell(m, keys("/192&<enter>")...)
	tell(m, m.look()())
	if q := <-queries; q != "2000 " {
		t.Errorf("few sessions: %q", q)
	}
	m.seen.total = most + 1
	tell(m, m.look()())
	for len(queries) > 4 {
		<-queries
	}
	if q := <-queries; q != "2000 192&" {
		t.Errorf("many sessions: %q", q)
	}
}

// Refusals are shown with the API's reason.
func TestRefusal(t *testing.T) {
	a := newAPI(t)
	a.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"error":"faults are off: start the proxy with --faults"}`)
	})
	m := newTestModel()
	m.client = a.client(t)
	tell(m, looked(lookAt(1, 1, 0)))
	tell(m, tell(m, keys("k")...)())
	mustShow(t, m, "faults are off: start the proxy with --faults")
	if !m.bad {
		t.Error("it is not shown as an error")
	}
}

// The token is sent; without it the error says what to do.
func TestToken(t *testing.T) {
	a := newAPI(t)
	a.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		a.mux.ServeHTTP(w, r)
	})
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Run(Config{Addr: a.addr(), TokenFile: file}, nil, &out); err != nil || !strings.Contains(out.String(), "session-1") {
		t.Errorf("with the token: %q, %v", &out, err)
	}
	if err := Run(Config{Addr: a.addr()}, nil, &out); err == nil || !strings.Contains(err.Error(), "--admin-token-file") {
		t.Errorf("without the token: %v", err)
	}
	if err := Run(Config{Addr: a.addr(), TokenFile: os.DevNull}, nil, &out); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("with an empty token: %v", err)
	}
}

// Where there is no terminal: one snapshot, or one line that says why not.
func TestSnapshot(t *testing.T) {
	a := newAPI(t)
	var out bytes.Buffer
	if err := Run(Config{Addr: a.addr()}, nil, &out); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"5 sessions  one-for-one\n", "192.0.2.1:5000 → 198.51.100.1:80", "up=1000 down=2000", "client-writer", "and 3 sessions more",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the snapshot lacks %q:\n%s", part, &out)
		}
	}
	a.Close()
	out.Reset()
	err := Run(Config{Addr: a.addr()}, nil, &out)
	if err == nil || !strings.Contains(err.Error(), "nobody listens on "+a.addr()) || out.Len() > 0 {
		t.Errorf("without a proxy: %v, %q", err, &out)
	}
}

// What answers, and is no proxy of this kind, is not taken for one.
func TestNotAProxy(t *testing.T) {
	a := newAPI(t)
	a.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
	if l := a.client(t).look(context.Background(), ""); l.err == nil || !strings.Contains(l.err.Error(), "does not answer as") {
		t.Errorf("%v", l.err)
	}
}

// Events come with the right fields; after a lost connection they are asked for from where it broke; and an API without is asked again.
func TestFollow(t *testing.T) {
	a := newAPI(t)
	asked := make(chan string, 100)
	turn := 0
	a.mux.HandleFunc("GET /api/events", func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Last-Event-ID")
		turn++
		switch turn {
		case 1:
			_, _ = fmt.Fprint(w, "retry: 1000\n\nevent: missed\ndata: {\"missed\":-1}\n\n: heartbeat\n\n",
				"id: e-1\nevent: actor-restarted\ndata: {\"pid\":\"x\",\ndata: \"restarts\":1}\n\n", "id: e-2\nevent: actor-killed\ndata: {")
		case 2:
			w.WriteHeader(http.StatusBadRequest)
		default:
			_, _ = fmt.Fprint(w, "event: dropped\ndata: {\"dropped\":3}\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	got := make(chan tea.Msg, 100)
	done := make(chan struct{})
	c := a.client(t)
	go func() {
		defer close(done)
		c.follow(ctx, func(msg tea.Msg) { got <- msg })
	}()
	next := func() tea.Msg {
		t.Helper()
		select {
		case msg := <-got:
			return msg
		case <-time.After(10 * time.Second):
			t.Fatal("nothing comes")
			return nil
		}
	}
	if msg := next(); msg != offered(true) {
		t.Errorf("%v", msg)
	}
	if e, ok := next().(event); !ok || e.name != "actor-restarted" || e.text() != "x restarted (1 in all)" {
		t.Errorf("%+v", e)
	}
	if msg := next(); msg != offered(true) {
		t.Errorf("%v", msg)
	}
	if e, ok := next().(event); !ok || e.text() != "3 events were missed" {
		t.Errorf("%+v", e)
	}
	for _, want := range []string{beginning, "e-1", ""} {
		if id := <-asked; id != want {
			t.Errorf("asked from %q on, want %q", id, want)
		}
	}
	cancel()
	<-done
}

func TestFollowWithoutEvents(t *testing.T) {
	a := newAPI(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var told []tea.Msg
	a.client(t).follow(ctx, func(msg tea.Msg) {
		told = append(told, msg)
		cancel()
	})
	if len(told) != 1 || told[0] != offered(false) {
		t.Errorf("%v", told)
	}
}

func TestNumbers(t *testing.T) {
	for bytes, want := range map[float64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_960: "1.0 MB", 3.2e9: "3.2 GB", 5e15: "5000.0 TB",
	} {
		if got := amount(bytes); got != want {
			t.Errorf("%v: %q, want %q", bytes, got, want)
		}
	}
	for s, want := range map[float64]string{0.000029: "29µs", 0.0123456: "12.35ms", 3.14159: "3.14s", 75: "1m15s"} {
		if got := seconds(s); got != want {
			t.Errorf("%v: %q, want %q", s, got, want)
		}
	}
}
