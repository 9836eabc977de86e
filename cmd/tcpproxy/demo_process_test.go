package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tcpproxy/cmd/internal/demo"
	"tcpproxy/test/freeport"
)

// running is the demo in a process of its own, with clients served.
type running struct {
	*exec.Cmd
	addr string // where it listens
}

// startDemo returns once the demo says that it is ready.
func startDemo(t *testing.T, stderr io.Writer, flags ...string) running {
	t.Helper()
	port := freeport.For(t)
	r := running{Cmd: program(t, append(flags, "--demo", port)...), addr: "127.0.0.1:" + port}
	r.Stderr = stderr
	stdout, err := r.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	impatience := time.AfterFunc(10*time.Second, func() { _ = r.Process.Kill() }) // ends the loop below
	defer impatience.Stop()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "curl http://"+r.addr+"/~rtm/ok") {
			return r
		}
	}
	t.Fatalf("the demo ended before it was ready: %v; %v", r.Wait(), stderr)
	return r
}

// logbook is a standard error that tests can wait for.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // holds a value when text has grown since await looked
}

func newLogbook() *logbook { return &logbook{more: make(chan struct{}, 1)} }

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await returns once the log has part.
func (l *logbook) await(t *testing.T, part string) {
	t.Helper()
	patience := time.After(10 * time.Second)
	for !strings.Contains(l.String(), part) {
		select {
		case <-l.more:
		case <-patience:
			t.Fatalf("the log still lacks %q:\n%s", part, l)
		}
	}
}

// get fetches url over a connection of its own, which lasts until the body is closed.
func get(t *testing.T, url string) *http.Response {
	t.Helper()
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func (r running) signal(t *testing.T) {
	t.Helper()
	if err := r.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func (r running) fetchOK(t *testing.T) {
	t.Helper()
	body, err := io.ReadAll(get(t, "http://"+r.addr+"/~rtm/ok").Body)
	if err != nil || string(body) != demo.OK {
		t.Fatalf("/~rtm/ok through the proxy: %q, %v", body, err)
	}
}

// The demo as its users meet it: a download stalls, another fetch succeeds, one signal drains, the second ends.
func TestDemo(t *testing.T) {
	log := newLogbook()
	r := startDemo(t, log, "--log-level", "debug")
	get(t, "http://"+r.addr+"/~rtm/BIG") // and read no more
	r.fetchOK(t)
	log.await(t, "cause=finished") // else the second signal might still find the fetch that is over
	r.signal(t)
	log.await(t, "msg=draining sessions=1")
	if conn, err := net.Dial("tcp", r.addr); err == nil {
		conn.Close()
		t.Error("a client was accepted while the proxy drained")
	}
	r.signal(t)
	if err := r.Wait(); err != nil {
		t.Errorf("after two signals: %v", err)
	}
	for _, line := range []string{"msg=listening addr=" + r.addr, "msg=draining", "cause=shutdown", "msg=closed"} {
		if strings.Count(log.String(), line) != 1 {
			t.Errorf("the log should have %q once:\n%s", line, log)
		}
	}
}

func TestBrokenLogDoesNotKill(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader.Close()
	r := startDemo(t, writer, "--log-level", "debug")
	r.fetchOK(t)
	r.signal(t)
	if err := r.Wait(); err != nil {
		t.Errorf("with nobody to read its log: %v", err)
	}
}

func TestPortTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	addr := listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	code, _, stderr := outcome(t, "--listen-host", "127.0.0.1", "localhost", "80", port)
	if code != exitError || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, addr) ||
		!strings.Contains(stderr, "address already in use: choose another listen-port") {
		t.Errorf("exit code %d, standard error %q", code, stderr)
	}
}

func TestAdminShowsSessions(t *testing.T) {
	admin := "127.0.0.1:" + freeport.For(t)
	log := newLogbook()
	r := startDemo(t, log, "--admin", admin, "--faults")
	get(t, "http://"+r.addr+"/~rtm/BIG")
	for path, part := range map[string]string{
		"/healthz":      "ok",
		"/readyz":       "ok",
		"/api/tree":     `"kind":"session"`,
		"/api/sessions": `"state":"relaying"`,
	} {
		body, err := io.ReadAll(get(t, "http://"+admin+path).Body)
		if err != nil || !strings.Contains(string(body), part) {
			t.Errorf("%s: %q, %v; want %s", path, body, err, part)
		}
	}
	r.signal(t)
	log.await(t, "msg=draining") // two signals at once would be one
	r.signal(t)
	if err := r.Wait(); err != nil {
		t.Errorf("after two signals: %v", err)
	}
}
