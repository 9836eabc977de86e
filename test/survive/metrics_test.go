//go:build linux

package survive

import (
	"io"
	"strings"
	"syscall"
	"testing"
)

// TestMetricsGoOn: the next process says which one it is from its first answer on, shows the session that it goes on with, and how long
// nobody moved bytes.
func TestMetricsGoOn(t *testing.T) {
	p := start(t, plain)
	p.stall()
	first, _ := p.now()
	p.kill(first.Worker, syscall.SIGKILL)
	p.next(first)
	text := p.scrape()
	for _, line := range []string{
		"tcpproxy_process_generation 2", "tcpproxy_process_restarts_total 1", `tcpproxy_sessions{listener="listener"} 1`,
		"tcpproxy_sessions_accepted_total 0",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, text)
		}
	}
	eventually(t, "the gap is known", func() bool { return !strings.Contains(p.scrape(), "\ntcpproxy_process_restart_gap_seconds 0\n") })
}

// scrape gets the metrics.
func (p *proxy) scrape() string {
	p.t.Helper()
	answer, err := client.Get("http://" + p.admin + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		p.t.Fatalf("status %d, %v, %s", answer.StatusCode, err, body)
	}
	return string(body)
}
