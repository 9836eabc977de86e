package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tcpproxy/messages"
)

func TestMain(m *testing.M) {
	// After a body that was too large, the HTTP server holds its half of the connection for another half second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func TestAnswers(t *testing.T) {
	server := newFake().serve(t, Config{Faults: true})
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
		{method: "PUT", path: "/api/faults", status: 405},
		{method: "POST", path: "/api/faults", body: `{"pid":`, status: 400, contains: "unexpected EOF"},
		{method: "POST", path: "/api/faults", body: `{"pid":7}`, status: 400, contains: "pid"},
		{method: "POST", path: "/api/faults", body: `{"pid":"listener","kind":"panic"}`, status: 400, contains: "unknown field"},
		{method: "POST", path: "/api/faults", body: `{"pid":"listener","mode":"panic"} {}`, status: 400, contains: "goes on"},
		{method: "POST", path: "/api/faults", body: `{"pid":"listener","mode":"kill"}`, status: 400, contains: "takes panic or stop"},
		{method: "POST", path: "/api/faults", body: `{"pid":"listener/session-9","mode":"stop"}`, status: 404, contains: "listener/session-9"},
		{method: "POST", path: "/api/faults", body: `{"pid":"eventstream","mode":"stop"}`, status: 404}, // it exists, but is not ours
		{method: "POST", path: "/api/faults", body: `{"pid":"` + strings.Repeat("x", maxBody) + `"}`, status: 413},

		{method: "GET", path: "/api/supervision", status: 405},
		{method: "POST", path: "/api/supervision", body: `{"strategy":"stop"}`, status: 405},
		{method: "DELETE", path: "/api/supervision", status: 405},
		{method: "PUT", path: "/api/supervision", body: `{"strategy":7}`, status: 400, contains: "strategy"},
		{method: "PUT", path: "/api/supervision", body: `{"name":"stop"}`, status: 400, contains: "unknown field"},
		{method: "PUT", path: "/api/supervision", body: `{"strategy":"stop"}`, status: 200, contains: `"strategy":"stop"`},

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

// An answer is JSON that reads back as what the proxy said, and a refusal carries its reason in a field.
func TestAnswersAreJSON(t *testing.T) {
	server := newFake().serve(t, Config{})
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

func TestStoppedProxy(t *testing.T) {
	proxy := newFake()
	close(proxy.done)
	server := proxy.serve(t, Config{})
	for _, request := range []string{"GET /healthz", "GET /readyz", "GET /api/tree", "GET /api/sessions", "DELETE /api/sessions/7"} {
		method, path, _ := strings.Cut(request, " ")
		if status, body := call(t, server, method, path, ""); status != 503 {
			t.Errorf("%s: status %d, body %q; want 503", request, status, body)
		}
	}
}

func TestSilentProxy(t *testing.T) {
	proxy := newFake()
	proxy.tree = func(ctx context.Context) (messages.Node, error) {
		<-ctx.Done()
		return messages.Node{}, ctx.Err()
	}
	server := proxy.serve(t, Config{Patience: 10 * time.Millisecond})
	if status, body := call(t, server, "GET", "/api/tree", ""); status != 503 || !strings.Contains(body, "does not answer") {
		t.Errorf("status %d, body %q; want 503", status, body)
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

// What the HTTP server has to say, such as that a handler panicked, is a line of the log like all others.
func TestServerErrorsGoToTheLog(t *testing.T) {
	var lines journal
	proxy := newFake()
	proxy.setSupervision = func(string) error { panic("a defect") }
	server := proxy.serve(t, Config{Faults: true, Log: slog.New(slog.NewTextHandler(&lines, nil))})
	request, _ := http.NewRequest("PUT", "http://"+server.Addr().String()+"/api/supervision", strings.NewReader(`{"strategy":"stop"}`))
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
		t.Errorf("answered with status %d", response.StatusCode)
	}
	text := lines.String() // the line was written before the connection was closed
	if !strings.Contains(text, "level=WARN") || !strings.Contains(text, "a defect") || strings.Count(text, "\n") != 1 {
		t.Errorf("the log says %q", text)
	}
	if status, _ := call(t, server, "GET", "/api/tree", ""); status != 200 {
		t.Errorf("after the panic: status %d, want 200", status)
	}
}
