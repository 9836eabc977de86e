//go:build linux

package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"testing"
)

// withDescriptors runs the program under a limit of open files.
func withDescriptors(n int) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, n), "sh", cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
	}
}

// Few descriptors are shared out between the program and its sessions in proportion, not left to what a large program may need.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ descriptors, sessions int }{{24, 1}, {64, 20}, {256, 100}} {
		t.Run(fmt.Sprint(row.descriptors), func(t *testing.T) {
			t.Parallel()
			d := listen(t, "127.0.0.1:0")
			_, port, _ := net.SplitHostPort(d.host())
			p := startWith(t, "127.0.0.1", withDescriptors(row.descriptors), func(listen string) []string {
				return []string{"--listen-host", "127.0.0.1", "--idle-timeout", "1m", "127.0.0.1", port, listen}
			})
			p.logged(t, 1, "msg=listening", "max_sessions=")
			var live []session
			for range row.sessions {
				live = append(live, p.connect(t, d))
			}
			for _, s := range live {
				exchange(t, s.client, s.server)
			}
		})
	}
}

// With too few to serve anybody the program says how many it takes, rather than to start and serve nobody.
func TestTooFewDescriptors(t *testing.T) {
	t.Parallel()
	p := spawn(t, withDescriptors(12), "--listen-host", "127.0.0.1", "127.0.0.1", "80", "3000")
	if code := p.exitCode(patience); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if !p.log.has("ulimit -n") || !p.log.has("at least 24") {
		t.Error("the program does not say what is wrong")
	}
}
