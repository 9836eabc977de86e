//go:build linux

package e2e

import (
	"syscall"
	"testing"
	"time"
)

// A terminal that closes sends SIGHUP. Nobody inside notices, and the next signal is still the first.
func TestHangupIsIgnored(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	p := startProxy(t, d.host())
	s := p.connect(t, d)
	for n := 1; n <= 3; n++ {
		p.signal(syscall.SIGHUP)
		p.logged(t, n, "level=INFO", "SIGHUP ignored: there is no configuration file to reload")
		exchange(t, s.client, s.server)
	}
	finish(t, p.connect(t, d))
	p.signal(syscall.SIGTERM)
	p.logged(t, 1, "msg=draining")
	p.signal(syscall.SIGHUP)
	p.logged(t, 4, "SIGHUP ignored")
	exchange(t, s.client, s.server)
	finish(t, s)
	if code := p.exitCode(time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// SIGQUIT ends the sessions at once, as a second SIGTERM does, without the stacks of the Go runtime and its exit code.
func TestQuitEndsNow(t *testing.T) {
	t.Parallel()
	for _, draining := range []bool{false, true} {
		t.Run(map[bool]string{false: "serving", true: "draining"}[draining], func(t *testing.T) {
			t.Parallel()
			s := newSession(t)
			exchange(t, s.client, s.server)
			if draining {
				s.proxy.signal(syscall.SIGTERM)
				s.proxy.logged(t, 1, "msg=draining")
			}
			s.proxy.signal(syscall.SIGQUIT)
			if code := s.proxy.exitCode(time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
			expectReset(t, s.client)
			expectReset(t, s.server)
			s.proxy.logged(t, 1, "level=INFO", "cause=shutdown")
			if s.proxy.log.has("goroutine ") {
				t.Error("the log has a stack")
			}
		})
	}
}
