//go:build linux

package e2e

import (
	"encoding/json"
	"syscall"
	"testing"
)

// A day without incidents makes one line at its beginning and two at its end, whatever the clients did.
func TestQuietLog(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	p := startProxy(t, d.host(), "--log-level", "info", "--max-sessions", "7", "--idle-timeout", "0")
	for range 3 { // ordinary sessions
		s := p.connect(t, d)
		exchange(t, s.client, s.server)
		finish(t, s)
	}
	for range 3 { // a client that resets
		s := p.connect(t, d)
		exchange(t, s.client, s.server)
		reset(s.client)
		expectReset(t, s.server)
	}
	go echo(d)
	for range 3 { // a port probe: connect and leave
		_ = p.dial(t).Close()
		reset(p.dial(t))
	}
	p.restsAt(t, 1)
	p.signal(syscall.SIGTERM)
	p.exitCode(patience)

	for _, message := range []string{"msg=listening", "msg=draining"} {
		p.logged(t, 1, "level=INFO", message)
	}
	p.logged(t, 1, "msg=listening", "addr="+p.addr, "destination="+d.host(), "max_sessions=7", "idle_timeout=never", "hang_timeout=10s")
	for _, line := range lines(p.log.String()) {
		if !containsAny(line, "msg=listening", "msg=draining", "msg=closed") {
			t.Errorf("a line too many: %s", line)
		}
	}
}

// Every session can be followed at the level of debugging.
func TestDebugLog(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	exchange(t, s.client, s.server)
	client, server := s.client.LocalAddr().String(), s.server.LocalAddr().String()
	s.proxy.logged(t, 1, "level=DEBUG", "session opened", "client="+client, "server="+server)
	finish(t, s)
	s.proxy.logged(t, 1, "level=DEBUG", "session closed", "cause=finished", "client="+client, "client_to_server=4", "server_to_client=4")
}

// A destination that resets is worth a warning, with its address.
func TestServerResetIsWarnedAbout(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	exchange(t, s.client, s.server)
	reset(s.server)
	expectReset(t, s.client)
	s.proxy.logged(t, 1, "level=WARN", "cause=server-reset", "server="+s.server.LocalAddr().String())
	s.proxy.logged(t, 1, "level=WARN")
}

// Each line of the JSON format is an object that says the same as the text.
func TestJSONLog(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	p := startProxy(t, d.host(), "--log-format", "json")
	s := p.connect(t, d)
	exchange(t, s.client, s.server)
	finish(t, s)
	p.restsAt(t, 1)
	p.signal(syscall.SIGTERM)
	p.exitCode(patience)

	seen := map[string]map[string]any{}
	for _, line := range lines(p.log.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("not JSON: %s", line)
		}
		for _, key := range []string{"time", "level", "msg"} {
			if record[key] == nil {
				t.Errorf("no %q in %s", key, line)
			}
		}
		message, _ := record["msg"].(string)
		seen[message] = record
	}
	if r := seen["listening"]; r["addr"] != p.addr || r["destination"] != d.host() {
		t.Errorf("listening: %v", r)
	}
	if r := seen["session closed"]; r["cause"] != "finished" || r["client_to_server"] != 4.0 {
		t.Errorf("session closed: %v", r)
	}
	if r := seen["draining"]; r["level"] != "INFO" {
		t.Errorf("draining: %v", r)
	}
}
