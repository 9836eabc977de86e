package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tcpproxy/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	client = netip.MustParseAddrPort("192.0.2.1:4711")
	server = netip.MustParseAddrPort("[2001:db8::1]:80")
)

// logged is what the log holds after the events.
func logged(level, format string, events ...any) string {
	var out bytes.Buffer
	log, flush := New(&out, level, format)
	onEvent := Subscriber(log)
	for _, event := range events {
		onEvent(event)
	}
	flush()
	return out.String()
}

func closed(cause messages.Cause) messages.SessionClosed {
	return messages.SessionClosed{
		ID: 42, Client: client, Server: server, Cause: cause,
		BytesClientToServer: 10, BytesServerToClient: 20, Age: 1500 * time.Millisecond,
	}
}

func TestLines(t *testing.T) {
	refused := closed(messages.CauseRefused)
	refused.Server, refused.Err = netip.AddrPort{}, errors.New("connect: connection refused")
	for _, test := range []struct {
		event any
		want  string // the line after its time
	}{
		{messages.ListenerOpened{Addr: server, Destination: "db:5432"}, "level=INFO msg=listening addr=[2001:db8::1]:80 destination=db:5432"},
		{messages.ListenerDraining{Sessions: 3, Timeout: 30 * time.Second}, "level=INFO msg=draining sessions=3 timeout=30s"},
		{messages.ListenerClosed{Sessions: 9}, "level=INFO msg=closed sessions=9"},
		{messages.AcceptPaused{Reason: "no descriptors"}, `level=WARN msg="accepting paused" reason="no descriptors"`},
		{messages.AcceptResumed{}, `level=INFO msg="accepting resumed"`},
		{messages.SessionOpened{ID: 42, Client: client, Server: server}, `level=DEBUG msg="session opened" session=42 client=192.0.2.1:4711 server=[2001:db8::1]:80`},
		{closed(messages.CauseHung), `level=WARN msg="session closed" session=42 cause=hung client=192.0.2.1:4711 server=[2001:db8::1]:80 client_to_server=10 server_to_client=20 age=1.5s`},
		{refused, `level=WARN msg="session closed" session=42 cause=refused client=192.0.2.1:4711 err="connect: connection refused" client_to_server=10 server_to_client=20 age=1.5s`},
		{messages.ActorFailed{PID: "listener/session-1", Reason: "boom", Strategy: "one-for-one", Directive: "restart"}, `level=DEBUG msg="actor failed" pid=listener/session-1 reason=boom strategy=one-for-one directive=restart`},
		{messages.ActorRestarted{PID: "listener/session-1", Restarts: 2}, `level=DEBUG msg="actor restarted" pid=listener/session-1 restarts=2`},
	} {
		_, line, _ := strings.Cut(logged("debug", "text", test.event), " ")
		if line != test.want+"\n" {
			t.Errorf("%T:\n got %q\nwant %q", test.event, line, test.want)
		}
	}
}

// Which endings show at which level: every cause once.
func TestEndingsByLevel(t *testing.T) {
	debug := []messages.Cause{messages.CauseFinished, messages.CauseClientReset}
	info := []messages.Cause{messages.CauseIdle, messages.CauseShutdown, messages.CauseEnded}
	warn := []messages.Cause{
		messages.CauseHung, messages.CauseServerReset, messages.CauseRefused, messages.CauseUnreachable, messages.CauseUnresolved,
		messages.CauseConnectTimeout, messages.CauseConnectFailed, messages.CauseSupervision,
	}
	for level, visible := range map[string][][]messages.Cause{
		"debug": {debug, info, warn}, "info": {info, warn}, "warn": {warn}, "error": {},
	} {
		var events []any
		for _, cause := range append(append(append([]messages.Cause{}, debug...), info...), warn...) {
			events = append(events, closed(cause))
		}
		var want, got []string
		for _, group := range visible {
			for _, cause := range group {
				want = append(want, cause.String())
			}
		}
		for line := range strings.Lines(logged(level, "text", events...)) {
			_, rest, _ := strings.Cut(line, "cause=")
			cause, _, _ := strings.Cut(rest, " ")
			got = append(got, cause)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("at level %s the log shows %v, want %v", level, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	var line struct {
		Level, Msg, Cause, Age string
		Session                uint64
	}
	text := logged("info", "json", closed(messages.CauseIdle))
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if line.Level != "INFO" || line.Msg != "session closed" || line.Cause != "idle" || line.Age != "1.5s" || line.Session != 42 {
		t.Errorf("%q read back as %+v", text, line)
	}
}

// What the library publishes on the same event stream is not for the log.
func TestForeignEvents(t *testing.T) {
	if text := logged("debug", "text", "hello", nil, struct{}{}); text != "" {
		t.Errorf("foreign events were logged: %q", text)
	}
}

// gate is a log file whose reader has stopped reading, until opened.
type gate struct {
	entered chan struct{} // one value per write that waits
	open    chan struct{}
	bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	select {
	case g.entered <- struct{}{}:
	default:
	}
	<-g.open
	return g.Buffer.Write(p)
}

// With nobody reading the log, logging goes on without waiting; later the log says how many lines are missing.
func TestStuckLogBlocksNobody(t *testing.T) {
	out := &gate{entered: make(chan struct{}, 1), open: make(chan struct{})}
	log, flush := New(out, "info", "text")
	log.Info("first")
	<-out.entered // the writing goroutine is stuck with the first line, so that the queue is empty
	for range queuedLines + 3 {
		log.Info("more")
	}
	close(out.open)
	flush()
	text := out.String()
	if n := strings.Count(text, "msg=more"); n != queuedLines {
		t.Errorf("%d lines came through, want %d", n, queuedLines)
	}
	if !strings.Contains(text, "dropped=3") {
		t.Errorf("the log does not say that 3 lines were dropped; it begins with %q", text[:min(300, len(text))])
	}
}

// flush does not wait for ever for a log that nobody reads.
func TestFlushGivesUp(t *testing.T) {
	out := &gate{entered: make(chan struct{}, 1), open: make(chan struct{})}
	log, flush := New(out, "info", "text")
	log.Info("never read")
	flush()
	close(out.open) // lets the goroutine go
}

func TestBrokenLogIsIgnored(t *testing.T) {
	reader, writer := io.Pipe()
	_ = reader.Close()
	log, flush := New(writer, "info", "text")
	log.Info("nobody will read this")
	flush()
}
