//go:build linux

package peers

import (
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
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
	p := listen(t, func(listenPort string) *exec.Cmd {
		args := append([]string{"--log-level", "debug", "--listen-host", host}, flags...)
		return exec.Command(binary, append(args, destination, port, listenPort)...)
	})
	t.Cleanup(func() {
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
