package admin

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"tcpproxy/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	listenerPID = "listener"
	victimPID   = "listener/session-7/client-reader"
)

// stage is an actor system with a listener that answers like the proxy's, and one victim for faults.
type stage struct {
	system   *actor.ActorSystem
	listener *actor.PID
	failed   chan string   // reasons of the Fail messages that the victim got
	stopped  chan struct{} // the victim was stopped
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{failed: make(chan string, 1), stopped: make(chan struct{})}
	s.system = actor.NewActorSystem(
		actor.WithDeadLetterThrottleInterval(time.Millisecond), // a goroutine of the library lives for so long
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
	)
	t.Cleanup(s.system.Shutdown)
	s.listener = s.spawn(t, listenerPID, answer)
	s.spawn(t, victimPID, func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *messages.Fail:
			s.failed <- m.Reason
		case *actor.Stopped:
			close(s.stopped)
		}
	})
	return s
}

func (s *stage) spawn(t *testing.T, name string, receive func(actor.Context)) *actor.PID {
	t.Helper()
	pid, err := s.system.Root.SpawnNamed(actor.PropsFromFunc(receive), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.system.Root.StopFuture(pid).Wait() })
	return pid
}

// answer is the listener's side of the conversation: one session, number 7.
func answer(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *messages.DescribeTree:
		ctx.Respond(messages.Node{PID: listenerPID, Kind: "listener", Children: []messages.Node{{PID: "listener/session-7"}}})
	case *messages.ListSessions:
		ctx.Respond(messages.Sessions{{ID: 7, State: "relaying", BytesClientToServer: 12}})
	case *messages.EndSession:
		ctx.Respond(messages.EndSessionReply{Found: m.ID == 7})
	}
}

// serve opens the API on a free loopback port.
func (s *stage) serve(t *testing.T, config Config) *Server {
	t.Helper()
	config.Addr = "127.0.0.1:0"
	server, err := Listen(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.Serve(s.system, s.listener)
	return server
}

// call sends one request; each header is "Name: value". It returns the status and the body.
func call(t *testing.T, server *Server, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+server.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			request.Host = value
		}
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func TestAnswers(t *testing.T) {
	server := newStage(t).serve(t, Config{Faults: true})
	for _, test := range []struct {
		method, path, body string
		headers            []string
		status             int
		contains           string
	}{
		{method: "GET", path: "/healthz", status: 200, contains: "ok"},
		{method: "GET", path: "/readyz", status: 200, contains: "ok"},
		{method: "POST", path: "/healthz", status: 405},
		{method: "GET", path: "/nowhere", status: 404},

		{method: "GET", path: "/api/tree", status: 200, contains: `"children":[{"pid":"listener/session-7"`},
		{method: "POST", path: "/api/tree", status: 405},
		{method: "GET", path: "/api/sessions", status: 200, contains: `[{"id":7,`},
		{method: "DELETE", path: "/api/sessions", status: 405},
		{method: "DELETE", path: "/api/sessions/7", status: 204},
		{method: "DELETE", path: "/api/sessions/8", status: 404, contains: "no session 8"},
		{method: "DELETE", path: "/api/sessions/seven", status: 400, contains: "whole number"},
		{method: "GET", path: "/api/sessions/7", status: 405},

		{method: "GET", path: "/api/faults", status: 405},
		{method: "POST", path: "/api/faults", body: `{"pid":`, status: 400, contains: "unexpected EOF"},
		{method: "POST", path: "/api/faults", body: `{"pid":7}`, status: 400, contains: "pid"},
		{method: "POST", path: "/api/faults", body: `{"pid":"listener","kind":"panic"}`, status: 400, contains: "unknown field"},
		{method: "POST", path: "/api/faults", body: `{"pid":"listener","mode":"panic"} {}`, status: 400, contains: "goes on"},
		{method: "POST", path: "/api/faults", body: `{"pid":"listener","mode":"kill"}`, status: 400, contains: "takes panic or stop"},
		{method: "POST", path: "/api/faults", body: `{"pid":"listener/session-9","mode":"stop"}`, status: 404, contains: "listener/session-9"},
		{method: "POST", path: "/api/faults", body: `{"pid":"eventstream","mode":"stop"}`, status: 404}, // it exists, but is not ours
		{method: "POST", path: "/api/faults", body: `{"pid":"` + strings.Repeat("x", maxBody) + `"}`, status: 413},

		{method: "DELETE", path: "/api/sessions/7", headers: []string{"Sec-Fetch-Site: cross-site"}, status: 403},
		{method: "DELETE", path: "/api/sessions/7", headers: []string{"Origin: https://evil.example"}, status: 403},
		{method: "GET", path: "/api/tree", headers: []string{"Host: evil.example:80"}, status: 403, contains: "Host header"},
		{method: "GET", path: "/api/tree", headers: []string{"Host: localhost"}, status: 200},
		{method: "GET", path: "/api/tree", headers: []string{"Host: [::1]:99"}, status: 200},
	} {
		name := strings.Join(append([]string{test.method, test.path, test.body[:min(40, len(test.body))]}, test.headers...), " ")
		status, body := call(t, server, test.method, test.path, test.body, test.headers...)
		if status != test.status || !strings.Contains(body, test.contains) {
			t.Errorf("%s: status %d, body %q; want %d with %q", name, status, body, test.status, test.contains)
		}
	}
}

// An answer is JSON that reads back as what the listener said, and a refusal carries its reason in a field.
func TestAnswersAreJSON(t *testing.T) {
	server := newStage(t).serve(t, Config{})
	_, body := call(t, server, "GET", "/api/sessions", "")
	var sessions messages.Sessions
	if err := json.Unmarshal([]byte(body), &sessions); err != nil || len(sessions) != 1 || sessions[0].BytesClientToServer != 12 {
		t.Errorf("sessions %q read back as %+v, %v", body, sessions, err)
	}
	_, body = call(t, server, "DELETE", "/api/sessions/8", "")
	var refusal struct{ Error string }
	if err := json.Unmarshal([]byte(body), &refusal); err != nil || refusal.Error != "no session 8" {
		t.Errorf("refusal %q read back as %+v, %v", body, refusal, err)
	}
}

func TestFaultsReachTheirVictim(t *testing.T) {
	stage := newStage(t)
	server := stage.serve(t, Config{Faults: true})
	if status, body := call(t, server, "POST", "/api/faults", `{"pid":"`+victimPID+`","mode":"panic"}`); status != 202 {
		t.Fatalf("panic: status %d, body %q", status, body)
	}
	if reason := within(t, stage.failed); reason == "" {
		t.Error("the victim was told no reason")
	}
	if status, body := call(t, server, "POST", "/api/faults", `{"pid":"`+victimPID+`","mode":"stop"}`); status != 202 {
		t.Fatalf("stop: status %d, body %q", status, body)
	}
	within(t, stage.stopped)
}

// within waits for what must come soon.
func within[T any](t *testing.T, events <-chan T) (event T) {
	t.Helper()
	select {
	case event = <-events:
	case <-time.After(10 * time.Second):
		t.Fatal("the fault did not reach the victim")
	}
	return event
}

func TestFaultsAreOffByDefault(t *testing.T) {
	server := newStage(t).serve(t, Config{})
	status, body := call(t, server, "POST", "/api/faults", `{"pid":"`+victimPID+`","mode":"stop"}`)
	if status != 403 || !strings.Contains(body, "--faults") {
		t.Errorf("status %d, body %q; want 403 that names --faults", status, body)
	}
}

func TestNotReadyOnceDraining(t *testing.T) {
	server := newStage(t).serve(t, Config{})
	server.Observe(messages.ListenerDraining{})
	if status, _ := call(t, server, "GET", "/readyz", ""); status != 503 {
		t.Errorf("/readyz while draining: status %d, want 503", status)
	}
	if status, _ := call(t, server, "GET", "/healthz", ""); status != 200 {
		t.Errorf("/healthz while draining: status %d, want 200: the proxy is alive", status)
	}
}

func TestDeadListener(t *testing.T) {
	stage := newStage(t)
	server := stage.serve(t, Config{})
	if err := stage.system.Root.StopFuture(stage.listener).Wait(); err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{"GET /healthz", "GET /readyz", "GET /api/tree", "GET /api/sessions", "DELETE /api/sessions/7"} {
		method, path, _ := strings.Cut(request, " ")
		if status, body := call(t, server, method, path, ""); status != 503 {
			t.Errorf("%s: status %d, body %q; want 503", request, status, body)
		}
	}
}

func TestSilentListener(t *testing.T) {
	stage := newStage(t)
	stage.listener = stage.spawn(t, "silent", func(actor.Context) {})
	server := stage.serve(t, Config{Patience: 10 * time.Millisecond})
	if status, body := call(t, server, "GET", "/api/tree", ""); status != 503 || !strings.Contains(body, "does not answer") {
		t.Errorf("status %d, body %q; want 503", status, body)
	}
}

func TestToken(t *testing.T) {
	server := newStage(t).serve(t, Config{TokenFile: tokenFile(t, " s3cret\n")})
	for header, want := range map[string]int{
		"Authorization: Bearer s3cret":  200,
		"Authorization: bearer s3cret":  200,
		"Authorization: Bearer s3cre":   401,
		"Authorization: Bearer s3cret2": 401,
		"Authorization: Basic s3cret":   401,
		"Authorization: Bearer":         401,
		"X-Nothing: at all":             401,
	} {
		if status, body := call(t, server, "GET", "/api/tree", "", header); status != want {
			t.Errorf("%s: status %d, body %q; want %d", header, status, body, want)
		}
	}
	if status, _ := call(t, server, "GET", "/healthz", ""); status != 200 {
		t.Errorf("/healthz without token: status %d, want 200", status)
	}
	// With a token the caller need not be of this machine, so any name will do.
	if status, _ := call(t, server, "GET", "/api/tree", "", "Authorization: Bearer s3cret", "Host: proxy.example"); status != 200 {
		t.Errorf("another host name with the token: status %d, want 200", status)
	}
	if status, _ := call(t, server, "DELETE", "/api/sessions/7", "", "Authorization: Bearer s3cret", "Sec-Fetch-Site: cross-site"); status != 403 {
		t.Errorf("a cross-origin write with the token: status %d, want 403", status)
	}
}

func TestListenRefuses(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "proxy.example:0"} {
		if _, err := Listen(Config{Addr: addr}); !errors.Is(err, ErrExposed) {
			t.Errorf("%s without a token: %v, want ErrExposed", addr, err)
		}
	}
	for name, config := range map[string]Config{
		"no port":         {Addr: "127.0.0.1"},
		"an empty port":   {Addr: "127.0.0.1:"},
		"an empty token":  {Addr: "127.0.0.1:0", TokenFile: tokenFile(t, "\n")},
		"a missing token": {Addr: "127.0.0.1:0", TokenFile: filepath.Join(t.TempDir(), "none")},
	} {
		if _, err := Listen(config); err == nil {
			t.Errorf("Listen took %s", name)
		}
	}
}

func TestListenTakesAnyAddressWithToken(t *testing.T) {
	server, err := Listen(Config{Addr: "0.0.0.0:0", TokenFile: tokenFile(t, "s3cret")})
	if err != nil {
		t.Fatal(err)
	}
	server.Close() // without Serve: the port must be free again
	again, err := Listen(Config{Addr: server.Addr().String(), TokenFile: tokenFile(t, "s3cret")})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func tokenFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
