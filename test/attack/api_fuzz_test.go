//go:build linux

package attack

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Whatever is asked of the API, and whomever it is told to make fail, is answered with what was done or with what is wrong about it: never
// with a 5xx, and never with a dead proxy. A connection through the proxy is used all the time, and only killing by the API's own means of
// ending sessions may end it; this test does not use those on it.
func TestRandomRequests(t *testing.T) {
	random := chance(t)
	p := startAsked(t, nil, echoing(t), "--no-timeouts", "--max-restarts", "1000000")
	stays := p.dial(t)
	if err := ping(stays); err != nil {
		t.Fatal(err)
	}
	client := p.caller(t)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	statuses := map[int]int{}
	for i := range amount(3000, 60000) {
		method, path, body := randomRequest(random)
		status, _, err := ask(client, method, "http://"+p.admin+path, body)
		if err != nil {
			if p.hasEnded() {
				t.Fatalf("request %d, %s %s %q, ended the proxy", i, method, path, body)
			}
			t.Fatalf("request %d, %s %s %q: %v", i, method, path, body, err)
		}
		statuses[status]++
		if status >= 500 {
			t.Errorf("request %d, %s %s %q: status %d", i, method, path, body, status)
		}
		if i%10 == 0 {
			p.serves(t)
		}
		if i%50 == 0 {
			if err := ping(stays); err != nil {
				t.Fatalf("after request %d, %s %s %q, a session that was not ended is gone: %v", i, method, path, body, err)
			}
		}
	}
	t.Logf("answers by status: %v", statuses)
	for _, want := range []int{200, 202, 400, 404} {
		if statuses[want] == 0 {
			t.Errorf("no request was answered %d: they are not random enough", want)
		}
	}
}

// randomRequest is mostly something that is nearly right: what is wholly random is turned away at the door.
func randomRequest(random *rand.Rand) (method, path, body string) {
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	switch random.IntN(6) {
	case 0: // any method on any path
		method = one("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW")
		path = one("/", "/api", "/api/", "/api/tree", "/api/sessions", "/api/faults", "/healthz", "/readyz", "//api//tree",
			"/api/%2e%2e/tree", "/api/tree/", "/api/sessions/1/2", "/%00", "/"+strings.Repeat("a", random.IntN(9000)))
		if method == "DELETE" && strings.HasPrefix(path, "/api/sessions/1") {
			method = "GET"
		}
		return method, path, ""
	case 1: // sessions that are not there
		id := one("0", "-1", "18446744073709551615", "18446744073709551616", "x", "%20", "1e3", "0x10", fmt.Sprint(1e6+random.IntN(1e6)))
		return "DELETE", "/api/sessions/" + id, ""
	case 2:
		return "PUT", "/api/supervision", one(`{"strategy":"one-for-one"}`, `{"strategy":"resume"}`, `{"strategy":"all-for-one"}`,
			`{"strategy":""}`, `{"strategy":"nonsense"}`, `{}`, `null`, `[]`, `"x"`, `{"strategy":1}`, "\xff\xfe", strings.Repeat("[", 3000))
	case 3: // bodies that are no faults
		return "POST", "/api/faults", one(``, `null`, `{}`, `[]`, `{"pid":null,"mode":"panic"}`, `{"pid":"","mode":"stop"}`, `{"pid":"listener"}`,
			`{"pid":"listener","mode":"panic","more":1}`, `{"pid":"listener","mode":"panic"}{}`, strings.Repeat(" ", 5000), "\x00")
	}
	pid := one("listener", "listener/acceptor", "listener/session-1", "listener/session-1/client-reader", "listener/session-1/server-writer",
		"listener/session-1/server-reader", "listener/session-1/client-writer", "guardian", "eventstream", "listener/session-", "listener/",
		"/listener", "listener/../listener", "listener/session-999999", "listener/session-1/nobody", "nonhost/listener", "*", "",
		string([]rune{rune(random.IntN(0xd7ff)), rune(random.IntN(0xd7ff))}), strings.Repeat("listener/", random.IntN(300)))
	text, _ := json.Marshal(map[string]string{"pid": pid, "mode": one("panic", "panic", "stop", "stop", "kill", "", "PANIC")})
	path = "/api/faults"
	if random.IntN(2) == 0 {
		path += "?wait=" + url.QueryEscape(one("0s", "1ms", "20ms", "1", "-1s", "11s", "1h", "9999999999h", "x", "1ns", "NaN", ""))
	}
	return "POST", path, string(text)
}
