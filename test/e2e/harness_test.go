//go:build linux

// Package e2e tests the proxy as people run it: the built program, a process of its own, between real sockets. What the peers of
// a session see is looked at from their side, and what the program holds is read from /proc.
package e2e

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tcpproxy/test/freeport"
)

const (
	// patience is how long anything may take that ought to happen at once. It only runs out when a test fails.
	patience = 10 * time.Second
	// slack is how exact the proxy's timeouts must be.
	slack = 500 * time.Millisecond
)

// late is how much later than it should an ending may be seen: slack, or more under the race detector, which makes the tests slow to look.
var late = slack

// binary is the program under test, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	// Nearly all of these tests do little but wait, so many more of them may run at once than there are processors.
	if flag.Lookup("test.parallel").Value.String() == flag.Lookup("test.parallel").DefValue {
		_ = flag.Set("test.parallel", "40")
	}
	dir, err := os.MkdirTemp("", "tcpproxy-e2e-")
	if err == nil {
		binary = filepath.Join(dir, "tcpproxy")
		err = build()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

func build() error {
	args := []string{"build", "-o", binary}
	if underRace() {
		late = 10 * slack
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "tcpproxy/cmd/tcpproxy")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot build the program: %w\n%s", err, out)
	}
	return nil
}

// underRace reports whether the race detector watches this test. Then it watches the proxy, too.
func underRace() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// proxy is a running tcpproxy.
type proxy struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   *journal
	addr  string        // what it listens on
	ended chan struct{} // closed when the process is gone
}

// startProxy runs tcpproxy before a destination, on a loopback port of its choosing, until the end of the test.
func startProxy(t *testing.T, destination string, flags ...string) *proxy {
	t.Helper()
	host, port, err := net.SplitHostPort(destination)
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, "127.0.0.1", nil, func(listen string) []string {
		return append(append([]string{"--listen-host", "127.0.0.1"}, flags...), host, port, listen)
	})
}

// starting lets few proxies start at a time: all at once they would starve the tests that already measure time.
var starting = make(chan struct{}, 2)

// startWith runs tcpproxy with the arguments that args makes for a port, and with what prepare (may be nil) does to the command.
// It returns when the proxy says that it listens. host is how the test will reach it.
func startWith(t *testing.T, host string, prepare func(*exec.Cmd), args func(listen string) []string) *proxy {
	t.Helper()
	starting <- struct{}{}
	defer func() { <-starting }()
	for range 20 { // another program may take the port first
		port := freeport.For(t)
		p := spawn(t, prepare, append([]string{"--log-level", "debug"}, args(port)...)...)
		p.addr = net.JoinHostPort(host, port)
		eventually(t, patience, "the proxy listens", func() bool {
			return p.log.has("msg=listening") || p.log.has(`"listening"`) || p.hasEnded()
		})
		if !p.hasEnded() {
			return p
		}
		if !p.log.has("address already in use") {
			t.Fatalf("the proxy ended:\n%s", p.log)
		}
	}
	t.Fatal("no port could be had")
	return nil
}

// spawn starts the program, whatever it may do then. At the end of the test it is killed, and its log must not tell of a defect.
func spawn(t *testing.T, prepare func(*exec.Cmd), args ...string) *proxy {
	t.Helper()
	p := &proxy{t: t, cmd: exec.Command(binary, args...), log: &journal{}, ended: make(chan struct{})}
	p.cmd.Stderr = p.log
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // else the race detector puts off the end by a second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if prepare != nil {
		prepare(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in cmd.ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		for _, sign := range []string{"DATA RACE", "panic:", "fatal error:", "actor failed", "unknown message"} {
			if p.log.has(sign) {
				t.Errorf("the proxy's log tells of a defect (%q)", sign)
			}
		}
		if t.Failed() {
			t.Logf("the proxy's log:\n%s", p.log.tail(4000))
		}
	})
	return p
}

func (p *proxy) pid() int { return p.cmd.Process.Pid }

func (p *proxy) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *proxy) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exitCode waits for the end of the program; it is -1 if a signal ended it.
func (p *proxy) exitCode(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.t.Fatalf("the proxy still runs after %v", within)
		return -1
	}
}

// eventually waits until a condition holds, and fails the test if that takes too long.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// steadily fails the test if a condition stops holding within a span of time.
func steadily(t *testing.T, over time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(over); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if !holds() {
			t.Fatalf("no longer: %s", what)
		}
	}
}

// around fails the test unless a span of time is what it should be, give or take some.
func around(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got < want-slack || got > want+late {
		t.Errorf("%s after %v, want %v −%v +%v", what, got.Round(time.Millisecond), want, slack, late)
	}
}

// lines are the lines of a text, without empty ones.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}
