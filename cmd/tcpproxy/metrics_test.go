package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"tcpproxy/test/freeport"
)

// Whoever scrapes the program sees a session that runs, one that is over, and the process.
func TestMetricsOfTheProgram(t *testing.T) {
	admin := "127.0.0.1:" + freeport.For(t)
	log := newLogbook()
	r := startDemo(t, log, "--admin", admin, "--log-level", "debug", "--max-sessions", "77")
	get(t, "http://"+r.addr+"/~rtm/BIG") // and read no more
	r.fetchOK(t)
	log.await(t, "cause=finished")
	var body []byte
	// A session that has said that it is closed is still counted, until its listener has heard of it.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		answer := get(t, "http://"+admin+"/metrics")
		var err error
		body, err = io.ReadAll(answer.Body)
		if err != nil || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Fatalf("%v, %v", err, answer.Header)
		}
		if strings.Contains(string(body), "\ntcpproxy_sessions{listener=\"listener\"} 1\n") || time.Now().After(deadline) {
			break
		}
	}
	for _, line := range []string{
		`tcpproxy_sessions{listener="listener"} 1`, `tcpproxy_sessions_opened_total 2`, `tcpproxy_sessions_closed_total{cause="finished"} 1`,
		`tcpproxy_max_sessions 77`, `tcpproxy_process_generation 1`, `tcpproxy_log_lines_dropped_total 0`, `tcpproxy_events_dropped_total 0`,
		`tcpproxy_supervision_info{strategy="one-for-one"} 1`,
	} {
		if !strings.Contains(string(body), "\n"+line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, body)
		}
	}
	for _, name := range []string{`tcpproxy_loop_lag_seconds{listener="listener"} `, "go_goroutines ", "tcpproxy_build_info{"} {
		if !strings.Contains(string(body), "\n"+name) {
			t.Errorf("there is no %s in\n%s", name, body)
		}
	}
	r.signal(t)
	log.await(t, "msg=draining") // two signals at once would be one
	r.signal(t)
	if err := r.Wait(); err != nil {
		t.Errorf("after two signals: %v", err)
	}
}
