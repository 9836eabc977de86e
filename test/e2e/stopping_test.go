//go:build linux

package e2e

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/freeport"
)

// After the first signal nobody new gets in, whoever is in may finish, and the program ends with the last of them.
func TestSignalDrains(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			d := listen(t, "127.0.0.1:0")
			p := startProxy(t, d.host())
			one, two := p.connect(t, d), p.connect(t, d)
			p.signal(signal)
			p.logged(t, 1, "level=INFO", "msg=draining", "sessions=2")
			refused(t, p)

			exchange(t, one.client, one.server)
			finish(t, one)
			exchange(t, two.client, two.server)
			steadily(t, 300*time.Millisecond, "the program runs as long as somebody is in", func() bool { return !p.hasEnded() })
			finish(t, two)
			if code := p.exitCode(time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestSignalWithoutSessionsEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := startProxy(t, "127.0.0.1:9")
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p.logged(t, 1, "msg=draining")
}

// Who is still there at the end of the drain timeout is reset: the streams are incomplete.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	s := newSession(t, "--drain-timeout", "1s")
	exchange(t, s.client, s.server)
	s.proxy.signal(syscall.SIGTERM)
	began := time.Now()
	code := s.proxy.exitCode(3 * time.Second)
	around(t, "the end of the program", time.Since(began), time.Second)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	expectReset(t, s.client)
	expectReset(t, s.server)
}

func TestDrainTimeoutZeroEndsSessionsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSession(t, "--drain-timeout", "0")
	s.proxy.signal(syscall.SIGTERM)
	if code := s.proxy.exitCode(time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	expectReset(t, s.client)
}

// A second signal, of either kind, does not wait for anybody.
func TestSecondSignalEndsNow(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.proxy.signal(syscall.SIGTERM)
	s.proxy.logged(t, 1, "msg=draining")
	steadily(t, 200*time.Millisecond, "the session lives", func() bool { return state(s.client) == established })
	s.proxy.signal(syscall.SIGINT)
	if code := s.proxy.exitCode(time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	expectReset(t, s.client)
	expectReset(t, s.server)
}

// A session that has yet to reach its destination when the signal comes is let finish, too.
func TestSignalWhileConnecting(t *testing.T) {
	t.Parallel()
	p := startProxy(t, blackHole(t), "--connect-timeout", "1s")
	client := p.dial(t)
	p.restsAt(t, 3)
	p.signal(syscall.SIGTERM)
	expectReset(t, client)
	if code := p.exitCode(3 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A log that nobody reads any more must not take the sessions with it, and neither must the signal that it brings.
func TestBrokenStderrDoesNotKill(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	_, destinationPort, _ := net.SplitHostPort(d.host())
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	port := freeport.For(t)
	p := spawn(t, func(c *exec.Cmd) { c.Stderr = write },
		"--listen-host", "127.0.0.1", "--log-level", "debug", "127.0.0.1", destinationPort, port)
	_ = write.Close()
	p.addr = net.JoinHostPort("127.0.0.1", port)
	said := make([]byte, 4096)
	for !strings.Contains(string(said), "msg=listening") { // what comes before is on lines of its own
		n, err := read.Read(said)
		if err != nil {
			t.Fatalf("the proxy said %q: %v", said[:n], err)
		}
	}
	_ = read.Close()

	for range 5 { // each of them would write lines
		s := p.connect(t, d)
		exchange(t, s.client, s.server)
		finish(t, s)
	}
	p.signal(syscall.SIGPIPE)
	s := p.connect(t, d)
	exchange(t, s.client, s.server)
	p.signal(syscall.SIGTERM)
	refused(t, p)
	exchange(t, s.client, s.server)
	finish(t, s)
	if code := p.exitCode(3 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// refused waits until the proxy lets nobody in any more.
func refused(t *testing.T, p *proxy) {
	t.Helper()
	eventually(t, time.Second, "the listening socket is closed", func() bool {
		c, err := net.Dial("tcp", p.addr)
		if err == nil {
			reset(c.(*net.TCPConn)) // in before the signal: leave no session behind
		}
		return err != nil
	})
}

// finish ends a session in good order.
func finish(t *testing.T, s session) {
	t.Helper()
	closeWrite(t, s.client)
	if _, err := io.Copy(io.Discard, s.server); err != nil {
		t.Fatal(err)
	}
	_ = s.server.Close()
	if _, err := io.Copy(io.Discard, s.client); err != nil {
		t.Fatal(err)
	}
}
