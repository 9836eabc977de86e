package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"slices"
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
	log, flush, _ := New(&out, level, format)
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
		{
			messages.ListenerOpened{
				Listener: "listener", Addr: server, Destination: "db:5432", MaxSessions: 500, IdleTimeout: time.Minute, HangTimeout: 10 * time.Second,
			},
			"level=INFO msg=listening addr=[2001:db8::1]:80 destination=db:5432 " +
				"max_sessions=500 idle_timeout=1m0s hang_timeout=10s",
		},
		{
			messages.ListenerOpened{Listener: "listener-2", Addr: server, Destination: "db:5432", MaxSessions: 1},
			"level=INFO msg=listening listener=listener-2 addr=[2001:db8::1]:80 destination=db:5432 " +
				"max_sessions=1 idle_timeout=never hang_timeout=never",
		},
		{messages.ListenerDraining{Sessions: 3, Timeout: 30 * time.Second}, "level=INFO msg=draining sessions=3 timeout=30s"},
		{messages.ListenerClosed{Sessions: 9}, "level=INFO msg=closed sessions=9"},
		{messages.AcceptPaused{Reason: "no descriptors"}, `level=WARN msg="accepting paused" reason="no descriptors"`},
		{messages.AcceptResumed{}, `level=INFO msg="accepting resumed"`},
		{
			messages.SessionOpened{ID: 42, Client: client, Server: server},
			`level=DEBUG msg="session opened" session=42 client=192.0.2.1:4711 server=[2001:db8::1]:80`,
		},
		{
			closed(messages.CauseHung),
			`level=WARN msg="session closed" session=42 cause=hung client=192.0.2.1:4711 server=[2001:db8::1]:80 ` +
				`client_to_server=10 server_to_client=20 age=1.5s`,
		},
		{
			refused,
			`level=WARN msg="session closed" session=42 cause=refused client=192.0.2.1:4711 err="connect: connection refused" ` +
				`client_to_server=10 server_to_client=20 age=1.5s`,
		},
		{messages.SupervisionChanged{Strategy: "stop", Was: "one-for-one"}, `level=INFO msg="supervision changed" strategy=stop was=one-for-one`},
	} {
		_, line, _ := strings.Cut(logged("debug", "text", test.event), " ")
		if line != test.want+"\n" {
			t.Errorf("%T:\n got %q\nwant %q", test.event, line, test.want)
		}
	}
}

// What becomes of an actor that somebody killed takes one line at info, the outcome; what leads there is for debugging. A failure that
// nobody made is a defect, and worth a warning.
func TestFailures(t *testing.T) {
	const pid = "listener/session-1/client-reader"
	failed := func(kill, strategy, directive string) messages.ActorFailed {
		return messages.ActorFailed{PID: pid, Reason: "boom", Strategy: strategy, Directive: directive, Kill: kill}
	}
	for name, test := range map[string]struct {
		events []any
		info   string   // the one line at info or above
		debug  []string // the lines below it, in their order
	}{
		"killed, restarted": {
			[]any{
				messages.ActorKilled{PID: pid, Kind: "client-reader", Mode: "panic", By: "chaos"},
				failed("panic", "one-for-one", "restart"),
				messages.ActorRestarted{PID: pid, Restarts: 2, After: 3 * time.Millisecond, Kill: "panic"},
			},
			`level=INFO msg=killed pid=` + pid + ` mode=panic outcome=restarted after=3ms incarnation=3`,
			[]string{
				`level=DEBUG msg=kill pid=` + pid + ` mode=panic by=chaos`,
				`level=DEBUG msg="actor failed" pid=` + pid + ` reason=boom strategy=one-for-one directive=restart`,
			},
		},
		"killed, escalated, restarted": {
			[]any{
				failed("stop", "escalate", "escalate"),
				messages.ActorRestarted{PID: pid, Restarts: 1, After: time.Second, Kill: "stop"},
			},
			`level=INFO msg=killed pid=` + pid + ` mode=stop outcome=restarted after=1s incarnation=2`,
			[]string{`level=DEBUG msg="actor failed" pid=` + pid + ` reason=boom strategy=escalate directive=escalate`},
		},
		"killed, resumed": {
			[]any{failed("panic", "resume", "resume")},
			`level=INFO msg=killed pid=` + pid + ` mode=panic outcome=resumed strategy=resume`,
			nil,
		},
		"killed, its session is reset": {
			[]any{failed("stop", "stop", "stop")},
			`level=INFO msg=killed pid=` + pid + ` mode=stop outcome="its session is reset" strategy=stop`,
			nil,
		},
		"a defect, restarted": {
			[]any{failed("", "one-for-one", "restart"), messages.ActorRestarted{PID: pid, Restarts: 2}},
			`level=WARN msg="actor failed" pid=` + pid + ` reason=boom strategy=one-for-one directive=restart`,
			[]string{`level=DEBUG msg="actor restarted" pid=` + pid + ` restarts=2`},
		},
		"a defect, resumed": {
			[]any{failed("", "resume", "resume")},
			`level=WARN msg="actor failed" pid=` + pid + ` reason=boom strategy=resume directive=resume`,
			nil,
		},
	} {
		var info, debug []string
		for line := range strings.Lines(logged("debug", "text", test.events...)) {
			_, line, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " ") // without its time
			if strings.HasPrefix(line, "level=DEBUG") {
				debug = append(debug, line)
			} else {
				info = append(info, line)
			}
		}
		if len(info) != 1 || info[0] != test.info {
			t.Errorf("%s:\n got %q\nwant %q", name, info, test.info)
		}
		if !slices.Equal(debug, test.debug) {
			t.Errorf("%s, for debugging:\n got %q\nwant %q", name, debug, test.debug)
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
	log, flush, lost := New(out, "info", "text")
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
	if n := lost(); n != 3 {
		t.Errorf("%d lines were lost, want 3", n)
	}
	if !strings.Contains(text, "dropped=3") {
		t.Errorf("the log does not say that 3 lines were dropped; it begins with %q", text[:min(300, len(text))])
	}
}

// flush does not wait for ever for a log that nobody reads.
func TestFlushGivesUp(t *testing.T) {
	out := &gate{entered: make(chan struct{}, 1), open: make(chan struct{})}
	log, flush, _ := New(out, "info", "text")
	log.Info("never read")
	flush()
	close(out.open) // lets the goroutine go
}

func TestBrokenLogIsIgnored(t *testing.T) {
	reader, writer := io.Pipe()
	_ = reader.Close()
	log, flush, _ := New(writer, "info", "text")
	log.Info("nobody will read this")
	flush()
}
