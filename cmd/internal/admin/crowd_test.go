package admin

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tcpproxy/messages"
)

// putSupervision is a whole request, which the fake may make last.
const putSupervision = "PUT /api/supervision HTTP/1.1\r\nHost: localhost\r\nContent-Length: 19\r\n\r\n" + `{"strategy":"stop"}`

// within waits for what must come soon.
func within(t *testing.T, event <-chan struct{}) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(10 * time.Second):
		t.Fatal("it did not happen")
	}
}

// serveFew opens the API for so many callers at once.
func (f *fake) serveFew(t *testing.T, callers int, config Config) *Server {
	t.Helper()
	config.Addr = "127.0.0.1:0"
	server, err := Listen(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.listener.limit = callers
	server.Serve(f)
	return server
}

// dial connects until the end of the test.
func dial(t *testing.T, server *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// ask sends a request on a connection, without waiting for an answer.
func ask(t *testing.T, conn net.Conn, request string) {
	t.Helper()
	if _, err := io.WriteString(conn, request+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}

// answered reads an answer with that status.
func answered(t *testing.T, conn net.Conn, status int) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		t.Fatalf("status %d, body %q, %v; want %d", response.StatusCode, body, err, status)
	}
	return response
}

// expectGone waits until the other side has closed the connection.
func expectGone(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the connection is still open: %v", err)
	}
}

func (c *crowd) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connected
}

// However many connect, and stay, the process holds few connections; the last one to come is answered all the same, and at once.
func TestManyCallers(t *testing.T) {
	server := newFake().serveFew(t, 4, Config{})
	var all []net.Conn
	for i := range 50 {
		conn := dial(t, server)
		all = append(all, conn)
		switch i % 3 { // the others say nothing at all
		case 0:
			ask(t, conn, "GET /api/tree")
			answered(t, conn, 200)
		case 1:
			_, _ = io.WriteString(conn, "GET /api/tr") // the rest may come or not
		}
		if n := server.listener.count(); n > 4 {
			t.Fatalf("%d callers are connected, want 4 at most", n)
		}
	}
	ask(t, all[48], "GET /api/tree") // 48 was answered before
	answered(t, all[48], 200)
	began := time.Now()
	if status, _ := call(t, server, "GET", "/healthz", ""); status != 200 || time.Since(began) > 4*time.Second {
		t.Errorf("/healthz: status %d after %v", status, time.Since(began))
	}
	gone := make(chan error, len(all))
	for _, conn := range all {
		go func() {
			_, err := io.Copy(io.Discard, conn)
			gone <- err
		}()
	}
	for range len(all) - 4 { // the others are those connected
		if err := <-gone; errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("there are more callers than are counted")
		}
	}
}

// A caller whose request is being answered stays, whoever comes; newcomers wait for room, which an answer makes.
func TestNobodyIsCutOffInHisAnswer(t *testing.T) {
	proxy := newFake()
	begun, release := make(chan struct{}), make(chan struct{})
	proxy.setSupervision = func(string) error {
		begun <- struct{}{}
		<-release
		return nil
	}
	server := proxy.serveFew(t, 2, Config{Faults: true})
	first := dial(t, server)
	_, _ = io.WriteString(first, putSupervision)
	within(t, begun)
	var silent []net.Conn
	for range 5 {
		silent = append(silent, dial(t, server))
	}
	for _, conn := range silent[:4] {
		expectGone(t, conn)
	}

	// The API answers one request at a time here: the second place is for those who probe.
	if status, body := call(t, server, "GET", "/api/tree", ""); status != 503 || !strings.Contains(body, "too many requests") {
		t.Errorf("/api/tree: status %d, body %q; want 503", status, body)
	}
	if status, _ := call(t, server, "GET", "/healthz", ""); status != 200 {
		t.Errorf("/healthz: status %d, want 200", status)
	}
	close(release)
	answered(t, first, 200)
	ask(t, first, "GET /api/tree")
	answered(t, first, 200)
}

// When every caller is being answered, the next one waits, and is served as soon as one has got his answer or has left.
func TestNewcomerWaitsForRoom(t *testing.T) {
	proxy := newFake()
	begun, release := make(chan struct{}), make(chan struct{})
	proxy.setSupervision = func(string) error {
		begun <- struct{}{}
		<-release
		return nil
	}
	server := proxy.serveFew(t, 1, Config{Faults: true})
	for range 3 {
		busy := dial(t, server)
		_, _ = io.WriteString(busy, putSupervision)
		within(t, begun)
		next := dial(t, server)
		ask(t, next, "GET /healthz")
		_ = next.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := next.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a newcomer did not wait: %v", err)
		}
		_ = next.SetReadDeadline(time.Now().Add(10 * time.Second))
		release <- struct{}{}
		answered(t, next, 200)
		answered(t, busy, 200)
	}
}

// Strangers who are slow to send what they announced are gone soon, since they have been refused.
func TestStrangersDoNotHoldTheirPlace(t *testing.T) {
	server := newFake().serveFew(t, 2, Config{TokenFile: tokenFile(t, "s3cret")})
	began := time.Now()
	for range 2 {
		conn := dial(t, server)
		_, _ = io.WriteString(conn, "POST /api/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
		answered(t, conn, 401)
	}
	if status, _ := call(t, server, "GET", "/healthz", ""); status != 200 || time.Since(began) > 4*time.Second {
		t.Errorf("/healthz: status %d after %v", status, time.Since(began))
	}
}

// Close does not wait for room.
func TestCloseWhileSomebodyWaits(t *testing.T) {
	proxy := newFake()
	begun, release := make(chan struct{}), make(chan struct{})
	proxy.sessions = func(context.Context) (messages.Sessions, error) {
		close(begun)
		<-release
		return nil, nil
	}
	defer close(release)
	server := proxy.serveFew(t, 1, Config{})
	busy := dial(t, server)
	ask(t, busy, "GET /api/sessions")
	within(t, begun)
	next := dial(t, server)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		server.Close()
	}()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("Close does not return")
	}
	expectGone(t, next)
	expectGone(t, busy)
}

// Those who probe do not keep their connections, whatever they ask for; others may.
func TestProbesCloseTheirConnections(t *testing.T) {
	server := newFake().serve(t, Config{})
	server.Observe(messages.AcceptPaused{Listener: "listener"})
	for request, status := range map[string]int{"GET /healthz": 200, "GET /readyz": 503} {
		conn := dial(t, server)
		ask(t, conn, request)
		if response := answered(t, conn, status); !response.Close {
			t.Errorf("%s: the answer does not say that the connection closes", request)
		}
		expectGone(t, conn)
	}
	conn := dial(t, server)
	for range 2 {
		ask(t, conn, "GET /api/tree")
		answered(t, conn, 200)
	}
}

func TestCallersForFewDescriptors(t *testing.T) {
	for limit, want := range map[uint64]int{24: 2, 64: 4, 256: 16, 512: 32, 1024: 32, 1 << 30: 32, 1<<64 - 1: 32} {
		if got := callersFor(limit); got != want {
			t.Errorf("of %d descriptors the API has %d, want %d", limit, got, want)
		}
	}
}

// Silence is not borne for long. It takes no test in real time: these are the library's limits.
func TestTimeLimits(t *testing.T) {
	h := &newFake().serve(t, Config{}).http
	if h.IdleTimeout > 5*time.Second || h.ReadHeaderTimeout > 5*time.Second || h.ReadTimeout == 0 || h.WriteTimeout < maxWait {
		t.Errorf("idle %v, header %v, reading %v, writing %v", h.IdleTimeout, h.ReadHeaderTimeout, h.ReadTimeout, h.WriteTimeout)
	}
}
