package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tcpproxy/messages"
)

const killIt = `{"pid":"` + victimPID + `","mode":"panic"}`

func TestFaultsReachTheirVictim(t *testing.T) {
	proxy := newFake()
	server := proxy.serve(t, Config{Faults: true})
	for _, mode := range []string{"panic", "stop"} {
		body := `{"pid":"` + victimPID + `","mode":"` + mode + `"}`
		if status, answer := call(t, server, "POST", "/api/faults", body); status != 202 || strings.TrimSpace(answer) != body {
			t.Errorf("%s: status %d, body %q; want 202 and what was asked for", mode, status, answer)
		}
	}
	if want := []string{victimPID + " panic admin", victimPID + " stop admin"}; !slices.Equal(proxy.killed, want) {
		t.Errorf("the proxy was told to kill %q, want %q", proxy.killed, want)
	}
}

func TestFaultsAreOffByDefault(t *testing.T) {
	proxy := newFake()
	server := proxy.serve(t, Config{})
	for _, request := range []string{"POST /api/faults " + killIt, `PUT /api/supervision {"strategy":"stop"}`} {
		part := strings.SplitN(request, " ", 3)
		if status, body := call(t, server, part[0], part[1], part[2]); status != 403 || !strings.Contains(body, "--faults") {
			t.Errorf("%s: status %d, body %q; want 403 that names --faults", request, status, body)
		}
	}
	if len(proxy.killed) > 0 || proxy.chosen != "" {
		t.Errorf("the proxy was told to kill %q and to choose %q", proxy.killed, proxy.chosen)
	}
}

// With ?wait the answer tells what the events tell of the victim, and of no other actor.
func TestFaultOutcome(t *testing.T) {
	const session = "listener/session-7"
	failed := func(pid, directive string) messages.ActorFailed {
		return messages.ActorFailed{PID: pid, Strategy: "one-for-one", Directive: directive, Kill: "panic"}
	}
	for name, test := range map[string]struct {
		pid    string
		events []any
		want   string
	}{
		"restarted": {
			victimPID,
			[]any{
				failed(victimPID, "restart"),
				messages.ActorRestarted{PID: victimPID, Restarts: 2, After: 1500 * time.Microsecond, Kill: "panic"},
			},
			`"outcome":"restarted","by":"one-for-one: restart","incarnation":3,"after_s":0.0015`,
		},
		"restarted with others": {
			victimPID,
			[]any{
				failed(victimPID, "restart"),
				messages.ActorRestarted{PID: session + "/server-reader", Restarts: 7},
				messages.ActorRestarted{PID: victimPID, Restarts: 1, After: time.Second, Kill: "panic"},
			},
			`"outcome":"restarted","by":"one-for-one: restart","incarnation":2,"after_s":1`,
		},
		"resumed": {
			victimPID,
			[]any{failed(victimPID, "resume")},
			`"outcome":"resumed","by":"one-for-one: resume"`,
		},
		"its session closed": {
			victimPID,
			[]any{
				failed(victimPID, "stop"),
				messages.SessionClosed{PID: "listener/session-77", Cause: messages.CauseIdle},
				messages.SessionClosed{PID: session, Cause: messages.CauseSupervision},
			},
			`"outcome":"session closed","by":"one-for-one: stop","cause":"supervision"`,
		},
		"closed itself": {
			session,
			[]any{messages.SessionClosed{PID: session, Cause: messages.CauseSupervision}},
			`"outcome":"session closed","cause":"supervision"`,
		},
		"what comes first counts": {
			victimPID,
			[]any{failed(victimPID, "resume"), messages.SessionClosed{PID: session}},
			`"outcome":"resumed","by":"one-for-one: resume"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := newFake()
			var server *Server
			proxy.kill = func(string, string) error {
				go func() { // it does not wait
					for _, event := range test.events {
						server.Observe(event)
					}
				}()
				return nil
			}
			server = proxy.serve(t, Config{Faults: true})
			status, body := call(t, server, "POST", "/api/faults?wait=10s", `{"pid":"`+test.pid+`","mode":"panic"}`)
			if want := `{"pid":"` + test.pid + `","mode":"panic",` + test.want + "}\n"; status != 200 || body != want {
				t.Errorf("status %d, body %q; want 200 with %q", status, body, want)
			}
			nobodyWatches(t, server)
		})
	}
}

// When the time is up, the answer is what is known by then.
func TestFaultWithoutOutcome(t *testing.T) {
	proxy := newFake()
	var server *Server
	proxy.kill = func(string, string) error {
		server.Observe(messages.ActorFailed{PID: victimPID, Strategy: "backoff", Directive: "restart", Delay: time.Minute, Kill: "panic"})
		return nil
	}
	server = proxy.serve(t, Config{Faults: true})
	status, body := call(t, server, "POST", "/api/faults?wait=1ms", killIt)
	if status != 200 || !strings.Contains(body, `"outcome":"nothing","by":"backoff: restart"}`) {
		t.Errorf("failed, but not back: status %d, body %q", status, body)
	}
	proxy.kill = nil
	status, body = call(t, server, "POST", "/api/faults?wait=1ms", killIt)
	if status != 200 || !strings.Contains(body, `"outcome":"nothing"}`) {
		t.Errorf("not failed: status %d, body %q", status, body)
	}
	nobodyWatches(t, server)
}

// However a request ends, nobody goes on watching for it.
func TestNoWatcherIsLeft(t *testing.T) {
	proxy := newFake()
	server := proxy.serve(t, Config{Faults: true})
	for _, wait := range []string{"", "?wait=0s", "?wait=", "?wait=soon", "?wait=5s"} {
		call(t, server, "POST", "/api/faults"+wait, `{"pid":"nobody","mode":"panic"}`)
	}
	call(t, server, "POST", "/api/faults", killIt)
	nobodyWatches(t, server)

	// Somebody asks to wait, and goes away.
	killed := make(chan struct{})
	proxy.kill = func(string, string) error { close(killed); return nil }
	asked := httptest.NewRequest("POST", "/api/faults?wait=10s", strings.NewReader(killIt))
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		server.http.Handler.ServeHTTP(httptest.NewRecorder(), fromHere(asked.WithContext(ctx)))
	}()
	<-killed
	cancel()
	<-answered
	nobodyWatches(t, server)
}

func nobodyWatches(t *testing.T, server *Server) {
	t.Helper()
	server.watch.mu.Lock()
	defer server.watch.mu.Unlock()
	if n := len(server.watch.waiting); n > 0 {
		t.Errorf("%d watchers are left", n)
	}
}

func TestFaultWaitIsChecked(t *testing.T) {
	proxy := newFake()
	server := proxy.serve(t, Config{Faults: true})
	for _, wait := range []string{"soon", "1", "-1s", "10s1ms", "99999999h", "1s 1s", "NaN"} {
		status, body := call(t, server, "POST", "/api/faults?wait="+url.QueryEscape(wait), killIt)
		if status != 400 || !strings.Contains(body, "a time from 0s to 10s") {
			t.Errorf("wait=%s: status %d, body %q; want 400 that says what it takes", wait, status, body)
		}
	}
	if len(proxy.killed) > 0 {
		t.Errorf("killed all the same: %q", proxy.killed)
	}
	for _, wait := range []string{"", "0s", "0"} {
		if status, body := call(t, server, "POST", "/api/faults?wait="+wait, killIt); status != 202 {
			t.Errorf("wait=%s: status %d, body %q; want 202", wait, status, body)
		}
	}
}

func TestSupervision(t *testing.T) {
	proxy := newFake()
	server := proxy.serve(t, Config{Faults: true})
	status, body := call(t, server, "PUT", "/api/supervision", `{"strategy":"resume"}`)
	if status != 200 || body != `{"strategy":"resume"}`+"\n" {
		t.Errorf("status %d, body %q; want 200 with the strategy", status, body)
	}
	if proxy.chosen != "resume" {
		t.Errorf("the proxy was told to choose %q", proxy.chosen)
	}
	proxy.setSupervision = func(name string) error { return errors.New(`unknown "` + name + `": it is one-for-one or stop`) }
	status, body = call(t, server, "PUT", "/api/supervision", `{"strategy":"best"}`)
	if status != 400 || !strings.Contains(body, "one-for-one or stop") {
		t.Errorf("status %d, body %q; want 400 that lists the names", status, body)
	}
}

// FuzzFaultBody sends what it likes, to where JSON is read: the answer is JSON, and the fault the caller's.
func FuzzFaultBody(f *testing.F) {
	for _, body := range []string{
		killIt, `{"strategy":"stop"}`, `{"pid":"listener","mode":"stop"}`, `{"pid":"nobody","mode":"stop"}`, `{}`, `null`,
		`[]`, `"`, `{"pid":null}`,
		`{"pid":7}`, `{"pid":"a","pid":"b"}`, "{\"pid\":\"\xff\",\"mode\":\"panic\"}", killIt + killIt, strings.Repeat("[", 3000), "",
	} {
		f.Add([]byte(body), "")
		f.Add([]byte(body), "1s")
	}
	f.Add([]byte(killIt), "1e9999h")
	proxy := newFake()
	server := proxy.serve(f, Config{Faults: true})
	proxy.kill = func(pid, _ string) error { // so that nobody has to wait
		server.Observe(messages.ActorRestarted{PID: pid, Restarts: 1})
		return nil
	}
	f.Fuzz(func(t *testing.T, body []byte, wait string) {
		for _, to := range []struct{ method, path string }{
			{"POST", "/api/faults?wait=" + url.QueryEscape(wait)}, {"PUT", "/api/supervision"},
		} {
			answer := httptest.NewRecorder()
			asked := httptest.NewRequest(to.method, to.path, strings.NewReader(string(body)))
			server.http.Handler.ServeHTTP(answer, fromHere(asked))
			if answer.Code < 200 || answer.Code >= 500 || !json.Valid(answer.Body.Bytes()) {
				t.Errorf("%s %s: status %d, body %q", to.method, to.path, answer.Code, answer.Body)
			}
		}
	})
}

// fromHere makes a request for a handler one that came to a loopback address.
func fromHere(r *http.Request) *http.Request {
	r.Host = "localhost"
	return r
}
