package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tcpproxy/messages"
)

// frame is one block of a stream of events, as a browser takes it apart.
type frame struct{ id, event, data string }

// reader is a client that follows.
type reader struct {
	t      testing.TB
	answer *http.Response
	lines  *bufio.Scanner
	stop   context.CancelFunc
}

// read begins to follow; the server must have let the client in.
func read(t testing.TB, server *Server, query string, headers ...string) *reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+server.Addr().String()+"/api/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	f := &reader{t: t, answer: answer, lines: bufio.NewScanner(answer.Body), stop: func() { cancel(); _ = answer.Body.Close() }}
	t.Cleanup(f.stop)
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || kind != "text/event-stream" {
		t.Fatalf("status %d, type %q", answer.StatusCode, kind)
	}
	if first, ok := f.block(); !ok || first.id == "" {
		t.Fatalf("the stream begins with %+v, %v", first, ok)
	}
	return f
}

// block is the next one, whatever is in it; false at the end of the stream.
func (r *reader) block() (b frame, ok bool) {
	for r.lines.Scan() {
		name, value, _ := strings.Cut(r.lines.Text(), ": ")
		switch name {
		case "":
			if r.lines.Text() == "" {
				return b, true
			}
		case "id":
			b.id = value
		case "event":
			b.event = value
		case "data":
			b.data += value
		case "retry":
			if value != "1000" {
				r.t.Errorf("retry is %s", value)
			}
		default:
			r.t.Errorf("a line of the stream: %q", r.lines.Text())
		}
	}
	return b, false
}

// next is the next event.
func (r *reader) next() frame {
	r.t.Helper()
	for {
		b, ok := r.block()
		if !ok {
			r.t.Fatalf("the stream has ended: %v", r.lines.Err())
		}
		if b.data != "" {
			return b
		}
	}
}

// sessions reads so many events, and returns the numbers of the sessions that they are about.
func (r *reader) sessions(n int) (got []uint64) {
	r.t.Helper()
	for range n {
		got = append(got, r.next().session(r.t))
	}
	return got
}

func (b frame) session(t testing.TB) uint64 {
	t.Helper()
	var data struct {
		ID, Name string
		Session  uint64
	}
	if err := json.Unmarshal([]byte(b.data), &data); err != nil || data.ID != b.id || data.Name != b.event {
		t.Fatalf("%+v: %v", b, err)
	}
	return data.Session
}

// accepted has sessions accepted, from the one number to the other.
func accepted(server *Server, from, to int) {
	for i := from; i <= to; i++ {
		server.Observe(messages.SessionAccepted{ID: uint64(i), PID: fmt.Sprintf("listener/session-%d", i)})
	}
}

// has waits until the hub holds so many events in all.
func (h *hub) has(t testing.TB, n uint64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		h.mu.Lock()
		last := h.last
		h.mu.Unlock()
		if last >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the hub has had %d events, want %d", last, n)
		}
	}
}

func mustBe(t testing.TB, got []uint64, from int) {
	t.Helper()
	for i, n := range got {
		if n != uint64(from+i) {
			t.Fatalf("event %d is about session %d, want %d, of %v", i, n, from+i, got)
		}
	}
}

// TestEventForm: all that there is of an event, in one line, under names that mean but one thing.
func TestEventForm(t *testing.T) {
	server := newFake().serve(t, Config{})
	r := read(t, server, "")
	before := time.Now()
	server.Observe("of the library")
	server.Observe(messages.SessionClosed{
		ID: 42, PID: "listener/session-42", Client: netip.MustParseAddrPort("[::1]:7"), Cause: messages.CauseIdle, Age: 1500 * time.Millisecond,
	})
	server.Observe(messages.SupervisionChanged{Strategy: "two\nlines", Was: "stop"})
	b := r.next()
	var at struct{ Time time.Time }
	if err := json.Unmarshal([]byte(b.data), &at); err != nil || at.Time.Before(before.Truncate(0)) || at.Time.After(time.Now()) {
		t.Errorf("%s: the time is %v, %v", b.data, at.Time, err)
	}
	want := `{"id":"` + server.hub.epoch + `-1","time":"` + at.Time.Format(time.RFC3339Nano) + `","name":"session-closed",` +
		`"age_s":1.5,"bytes_client_to_server":0,"bytes_server_to_client":0,"cause":"idle","client":"[::1]:7","err":"",` +
		`"pid":"listener/session-42","server":"","session":42}`
	if b.id != server.hub.epoch+"-1" || b.event != "session-closed" || b.data != want {
		t.Errorf("got  %+v\nwant %s", b, want)
	}
	if b = r.next(); b.id != server.hub.epoch+"-2" || !strings.HasSuffix(b.data, `"strategy":"two\nlines","was":"stop"}`) {
		t.Errorf("the second is %+v", b)
	}
}

// TestFollowersComeBack: who says what he has seen last gets what came after, and learns what he has missed for good.
func TestFollowersComeBack(t *testing.T) {
	server := newFake().serve(t, Config{})
	r := read(t, server, "")
	accepted(server, 1, 5)
	mustBe(t, r.sessions(3), 1)
	r.stop()
	seen := server.hub.id(3)

	for _, back := range []*reader{
		read(t, server, "", "Last-Event-ID: "+seen),
		read(t, server, "?after="+seen),
		read(t, server, "?after=0", "Last-Event-ID: "+seen), // as a browser does whose address has been that at first
	} {
		mustBe(t, back.sessions(2), 4)
	}
	mustBe(t, read(t, server, "?after=0").sessions(5), 1)

	accepted(server, 6, 5+heldEvents)
	server.hub.has(t, 5+heldEvents)
	for query, missed := range map[string]string{
		"?after=" + seen: `{"missed":2}`, "?after=5": "", "?after=4": `{"missed":1}`, "?after=0": `{"missed":5}`,
		"?after=another-7": `{"missed":-1}`, "?after=99999": `{"missed":-1}`,
	} {
		r := read(t, server, query)
		first := r.next()
		if missed != "" {
			if first.event != "missed" || first.data != missed || first.id != "" {
				t.Errorf("%s: it begins with %+v, want what was missed: %s", query, first, missed)
			}
			first = r.next()
		}
		if n := first.session(t); n != 6 {
			t.Errorf("%s: the first is about session %d, want 6", query, n)
		}
		mustBe(t, r.sessions(heldEvents-1), 7)
	}
	if r := read(t, server, "", "Last-Event-ID: nonsense"); r.next().data != `{"missed":-1}` {
		t.Error("a strange header is not told that events are missing")
	}
}

// TestFilters: by kind and by session, and who filters is told of nothing else.
func TestFilters(t *testing.T) {
	server := newFake().serve(t, Config{})
	all := []any{
		messages.SessionAccepted{ID: 4},
		messages.SessionOpened{ID: 42},
		messages.ActorKilled{PID: "listener-2/session-42/client-reader"},
		messages.ActorFailed{PID: "listener-2/session-42"},
		messages.ActorRestarted{PID: "listener/session-4/client-reader"},
		messages.ActorStopped{PID: "listener/session-42/server-writer"},
		messages.ActorFailed{PID: "listener/acceptor"},
		messages.SupervisionChanged{},
		messages.SessionClosed{ID: 42},
	}
	for query, want := range map[string]string{
		"?session=42": "2 3 4 6 9",
		"?session=4":  "1 5",
		"?session=9":  "",
		"?kinds=actor-failed,supervision-changed":    "4 7 8",
		"?kinds=actor-failed&session=42":             "4",
		"?kinds=session-closed&session=42&after=0":   "9",
		"?kinds=listener-opened,session-closed":      "9",
		"?unknown=ignored&kinds=supervision-changed": "8",
	} {
		h := server.hub
		asked := httptest.NewRequest("GET", "/api/events"+query, nil)
		f, after, err := followerOf(asked)
		if err != nil {
			t.Fatal(err)
		}
		h.join(f, after)
		first := h.last
		for _, event := range all {
			h.hold(event, time.Now())
		}
		batch, lost := f.take(100)
		var got []string
		for _, it := range batch {
			got = append(got, fmt.Sprint(it.number-first))
		}
		if lost != 0 || strings.Join(got, " ") != want && after == "" {
			t.Errorf("%s: got %v, want %s", query, got, want)
		}
		f.leave()
	}
	if n := len(server.hub.followers); n != 0 {
		t.Errorf("%d followers are left", n)
	}
}

func TestFollowRefuses(t *testing.T) {
	server := newFake().serve(t, Config{})
	for query, reason := range map[string]string{
		"?kinds=":                        "session-opened",
		"?kinds=actor-failed,":           `kinds has \"\"`,
		"?kinds=crash":                   `kinds has \"crash\"`,
		"?session=":                      "session is",
		"?session=0":                     "session is",
		"?session=-1":                    "session is",
		"?session=1&session=2":           "given 2 times",
		"?after=":                        "after is",
		"?after=yesterday":               "after is",
		"?after=a-b":                     "after is",
		"?after=%zz":                     "cannot be read",
		"?session=184467440737095516160": "session is",
	} {
		status, body := call(t, server, "GET", "/api/events"+query, "")
		if status != 400 || !strings.Contains(body, reason) {
			t.Errorf("%s: status %d, body %q; want 400 with %q", query, status, body, reason)
		}
	}
	if status, body := call(t, server, "HEAD", "/api/events", ""); status != 200 || body != "" {
		t.Errorf("HEAD: status %d, body %q", status, body)
	}
	if status, _ := call(t, server, "POST", "/api/events", ""); status != 405 {
		t.Errorf("POST: status %d", status)
	}
}

// TestSlowFollowerLosesHisOwn: one who does not read for a while is told how many he has lost; one who reads has lost none.
func TestSlowFollowerLosesHisOwn(t *testing.T) {
	server := newFake().serve(t, Config{})
	slow := dial(t, server)
	_ = slow.(*net.TCPConn).SetReadBuffer(64 << 10)
	ask(t, slow, "GET /api/events?kinds=session-accepted")
	quick := read(t, server, "")
	server.hub.isFollowedBy(t, 2)
	const all = 6 * heldEvents // a megabyte or more: the system buffers less
	got := 0
	for from := 1; from <= all; from += heldEvents / 4 {
		accepted(server, from, from+heldEvents/4-1)
		mustBe(t, quick.sessions(heldEvents/4), from)
		got += heldEvents / 4
	}
	if got != all {
		t.Fatalf("the quick one got %d", got)
	}
	answer, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, answer: answer, lines: bufio.NewScanner(answer.Body)}
	told, lost, last := uint64(0), uint64(0), uint64(0)
	for last < all {
		b := r.next()
		if b.event == "dropped" {
			var data struct{ Dropped uint64 }
			if err := json.Unmarshal([]byte(b.data), &data); err != nil || data.Dropped == 0 || b.id != "" {
				t.Fatalf("%+v: %v", b, err)
			}
			lost += data.Dropped
			last += data.Dropped
			continue
		}
		n := b.session(t)
		if n != last+1 {
			t.Fatalf("session %d after %d, without a word of what was lost", n, last)
		}
		last = n
		told++
	}
	if lost == 0 || told+lost != all || server.EventsDropped() != lost {
		t.Errorf("the slow one was told of %d and lost %d of %d; the server counts %d", told, lost, all, server.EventsDropped())
	}
}

// TestDeafFollowersAreCut: one who reads nothing at all loses his place.
func TestDeafFollowersAreCut(t *testing.T) {
	proxy := newFake()
	server, err := Listen(Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.hub.within = 100 * time.Millisecond
	server.Serve(proxy)
	deaf := dial(t, server)
	_ = deaf.(*net.TCPConn).SetReadBuffer(4 << 10)
	ask(t, deaf, "GET /api/events")
	server.hub.isFollowedBy(t, 1)
	for i := 0; server.hub.count() > 0; i++ {
		if i == 10_000 {
			t.Fatal("he still has his place")
		}
		accepted(server, 1, 500)
		time.Sleep(time.Millisecond)
	}
}

// isFollowedBy waits until so many follow.
func (h *hub) isFollowedBy(t testing.TB, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); h.count() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d follow, want %d", h.count(), n)
		}
	}
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.followers)
}

// TestFollowersLeaveRoom: they may take a part of the places only, and when one goes, another may come.
func TestFollowersLeaveRoom(t *testing.T) {
	server := newFake().serveFew(t, 8, Config{}) // of which six are for requests
	var all []*reader
	for range 4 {
		all = append(all, read(t, server, ""))
	}
	answer, body := request(t, server, "GET", "/api/events", "")
	if answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" || !strings.Contains(body, "too many") {
		t.Errorf("one more: status %d, %v, body %q; want 503 with Retry-After", answer.StatusCode, answer.Header, body)
	}
	for range 20 {
		if status, _ := call(t, server, "GET", "/api/sessions", ""); status != 200 {
			t.Errorf("meanwhile, the others get status %d", status)
		}
	}
	all[0].stop()
	server.hub.isFollowedBy(t, 3)
	for range 100 { // his place is free a moment after he has left the hub
		if status, _ := call(t, server, "HEAD", "/api/events", ""); status == 200 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	read(t, server, "")
	for callers, want := range map[int]int{2: 0, 3: 1, 4: 2, 16: 8, 32: 16} {
		if got := followersFor(callers, max(1, callers*3/4)); got != want {
			t.Errorf("of %d callers %d may follow, want %d", callers, got, want)
		}
	}
}

// TestCloseEndsFollowing: at once, and whoever closes need not wait for those who follow.
func TestCloseEndsFollowing(t *testing.T) {
	server := newFake().serve(t, Config{})
	var ended sync.WaitGroup
	for range 3 {
		r := read(t, server, "")
		ended.Go(func() {
			for ok := true; ok; _, ok = r.block() {
			}
		})
	}
	begun := time.Now()
	server.Close()
	ended.Wait()
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	server.Observe(messages.SupervisionChanged{}) // comes to nothing
}

// readable notes until when the server reads from the caller.
type readable struct {
	*httptest.ResponseRecorder
	until []time.Time
}

func (r *readable) SetReadDeadline(at time.Time) error {
	r.until = append(r.until, at)
	return nil
}

// TestFollowersMayStay: the time in which a request must have come does not end the answer, as the library would have it.
func TestFollowersMayStay(t *testing.T) {
	h := newHub(nil)
	defer h.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	answer := &readable{ResponseRecorder: httptest.NewRecorder()}
	(&api{hub: h}).follow(answer, httptest.NewRequestWithContext(ctx, "GET", "/api/events", nil))
	if len(answer.until) != 1 || !answer.until[0].IsZero() {
		t.Errorf("the server reads until %v, want no end", answer.until)
	}
}

// TestHeartbeats: whoever hears nothing else hears those. They tell who filters how far he has got.
func TestHeartbeats(t *testing.T) {
	for query, want := range map[string]string{"": ": nothing new\n\n", "?session=7": "id: %s\n: nothing new\n\n"} {
		synctest.Test(t, func(t *testing.T) {
			h := newHub(nil)
			a := &api{hub: h}
			answer := httptest.NewRecorder()
			ctx, cancel := context.WithCancel(t.Context())
			var done sync.WaitGroup
			done.Go(func() { a.follow(answer, httptest.NewRequestWithContext(ctx, "GET", "/api/events"+query, nil)) })
			if query != "" {
				time.Sleep(time.Second)
				h.observe(messages.SessionOpened{ID: 8}) // which he does not want
			}
			time.Sleep(10*beat + beat/2)
			cancel()
			done.Wait()
			h.close()
			body := answer.Body.String()
			if query != "" {
				want = fmt.Sprintf(want, h.id(1))
			}
			if n := strings.Count(body, want); n != 10 || strings.Contains(body, "data:") {
				t.Errorf("%s: after %v there are %d heartbeats in %q", query, 10*beat+beat/2, n, body)
			}
		})
	}
}

// FuzzQuery sends what it likes as a query, to where they are read: the answer is a refusal in JSON, or what was asked for.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"", "limit=1", "limit=0", "limit=10001", "limit=1e3", "after=7&limit=2&q=listener", "q=%ff", "q=%00", "limit=1;after=2", "&&&=", "limit",
		"kinds=actor-failed", "kinds=,", "session=7&after=0", "after=-1", "after=a-18446744073709551615", "session=18446744073709551615", "%",
	} {
		f.Add(query, "", "")
		f.Add(query, "x-9", `W/"1"`)
	}
	server := newFake().serve(f, Config{})
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	f.Fuzz(func(t *testing.T, query, last, tag string) {
		for _, path := range []string{"/api/sessions", "/api/tree", "/api/events"} {
			asked := fromHere(httptest.NewRequest("GET", path, nil))
			asked.URL.RawQuery = query
			asked.Header.Set("Last-Event-ID", last)
			asked.Header.Set("If-None-Match", tag)
			if path == "/api/events" {
				asked = asked.WithContext(gone)
			}
			answer := httptest.NewRecorder()
			server.http.Handler.ServeHTTP(answer, asked)
			stream := answer.Header().Get("Content-Type") == "text/event-stream"
			switch {
			case answer.Code == 304 && answer.Body.Len() == 0, answer.Code == 200 && stream:
			case answer.Code == 200 || answer.Code == 400:
				if !json.Valid(answer.Body.Bytes()) {
					t.Errorf("%s?%q: body %q", path, query, answer.Body)
				}
			default:
				t.Errorf("%s?%q: status %d, body %q", path, query, answer.Code, answer.Body)
			}
		}
	})
}
