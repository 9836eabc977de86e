//go:build linux

package peers

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/freeport"
)

// defects are what the log of a healthy proxy never has. The warnings among them: no session here may end other than by its peers'
// will, and clients and servers that work well are no reason to warn.
var defects = []string{"DATA RACE", "panic:", "fatal error:", "unknown message", "level=WARN", "level=ERROR"}

// startProxy runs the proxy before a server. At the end of the test, SIGTERM must end it soon, as it does when no session is left:
// all clients and servers are done then.
func startProxy(t *testing.T, server *process, flags ...string) *process {
	t.Helper()
	destination, port, err := net.SplitHostPort(server.addr)
	if err != nil {
		t.Fatal(err)
	}
	admin := ""
	p := listen(t, func(listenPort string) *exec.Cmd {
		admin = net.JoinHostPort(host, freeport.For(t))
		args := append([]string{"--log-level", "debug", "--listen-host", host, "--admin", admin}, flags...)
		return exec.Command(binary, append(args, destination, port, listenPort)...)
	})
	p.api = "http://" + admin + "/api/"
	endWatch := watch(t, p.api)
	t.Cleanup(func() {
		endWatch()
		p.stop(t)
		log := p.log(t)
		for _, sign := range defects {
			if strings.Contains(log, sign) {
				t.Errorf("the proxy's log has %q:\n%s", sign, linesWith(log, sign))
			}
		}
	})
	return p
}

const (
	// still is how long a session may stand still. It is less than the timeouts of the proxy, which may set a session going again
	// that had been forgotten. All peers here have something to say or to read all the time, on however busy a machine.
	still = 4 * time.Second
	// looks is how often in a row a session must be found so: if the whole machine stood still, it is found so once.
	looks = 4
)

// watch fails the test when a session stands still, until it is told to end.
func watch(t *testing.T, api string) (end func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	client := newClient(t)
	go func() {
		defer close(ended)
		found := map[uint64]int{}
		for {
			select {
			case <-over:
				return
			case <-time.After(250 * time.Millisecond):
			}
			var sessions []struct {
				ID    uint64  `json:"id"`
				Idle  float64 `json:"idle_s"`
				State string  `json:"state"`
			}
			if err := get(client, api+"sessions", &sessions); err != nil {
				t.Error(err)
				return
			}
			for _, s := range sessions {
				if s.Idle < still.Seconds() {
					delete(found, s.ID)
				} else if found[s.ID]++; found[s.ID] == looks {
					t.Errorf("session %d (%s) has stood still for %.1f s", s.ID, s.State, s.Idle)
				}
			}
		}
	}()
	return func() { close(over); <-ended }
}

// newClient is a client of the admin API, for one test.
func newClient(t *testing.T) *http.Client {
	c := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// get reads what the admin API tells.
func get(client *http.Client, url string, into any) error {
	reply, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }()
	if err := json.NewDecoder(reply.Body).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}

// stop lets the proxy drain. It has 5 s, of the 30 s that it would give to a session that is left.
func (p *process) stop(t *testing.T) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("the proxy did not live to the end: %v", err)
		return
	}
	select {
	case <-p.ended:
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the proxy's exit code is %d", code)
		}
	case <-time.After(5 * time.Second):
		t.Error("the proxy still has sessions although all clients are gone")
	}
}

// linesWith are the first lines of a log that have some text in them.
func linesWith(log, text string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, text) && b.Len() < 2000 {
			b.WriteString(line)
		}
	}
	return b.String()
}
