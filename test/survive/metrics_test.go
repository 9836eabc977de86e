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
	var text string
	eventually(t, "the next process answers", func() bool {
		text, _ = p.scrape()
		return strings.Contains(text, "\ntcpproxy_sessions_accepted_total 0\n") // the session was accepted by the first one
	})
	for _, line := range []string{
		"tcpproxy_process_generation 2", "tcpproxy_process_restarts_total 1", `tcpproxy_sessions{listener="listener"} 1`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, text)
		}
	}
	eventually(t, "the gap is known", func() bool {
		text, err := p.scrape()
		return err == nil && !strings.Contains(text, "\ntcpproxy_process_restart_gap_seconds 0\n")
	})
}

// scrape gets the metrics; the error is that nobody answers.
func (p *proxy) scrape() (string, error) {
	answer, err := client.Get("http://" + p.admin + "/metrics")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}
