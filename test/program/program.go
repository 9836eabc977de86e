//go:build linux

// Package program builds tcpproxy and runs it as people do, for tests: as a process of its own, or, with --survive, as three.
package program

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/freeport"
)

// Patience is how long anything may take that ought to happen at once. It only runs out when a test fails.
const Patience = 20 * time.Second

// Build builds the program into a folder, with build tags, and under the race detector if that watches the test. It returns its path.
func Build(dir string, tags ...string) (string, error) {
	binary := filepath.Join(dir, strings.Join(append([]string{"tcpproxy"}, tags...), "-"))
	args := []string{"build", "-tags", strings.Join(tags, ","), "-o", binary}
	build := exec.Command("go", append(args, "tcpproxy/cmd/tcpproxy")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if UnderRace() {
		build = exec.Command("go", append(args, "-race", "tcpproxy/cmd/tcpproxy")...)
	}
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the program: %w\n%s", err, out)
	}
	return binary, nil
}

// UnderRace reports whether the race detector watches this test.
func UnderRace() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// families numbers the programs of this process.
var families atomic.Int64

// Program is a running tcpproxy. With --survive it is the keeper; see Worker and Holder.
type Program struct {
	T    testing.TB
	Cmd  *exec.Cmd
	Log  *Journal
	Addr string // what it listens on

	ended chan struct{} // closed when the process is gone
}

// Start runs a binary before a destination, on a loopback port of its choosing, until the end of the test. env is added to its environment.
func Start(t testing.TB, binary string, env []string, destination string, flags ...string) *Program {
	t.Helper()
	host, port, err := net.SplitHostPort(destination)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // another program may take the port first
		own := freeport.For(t)
		args := append(append([]string{"--listen-host", "127.0.0.1"}, flags...), host, port, own)
		p := Spawn(t, binary, env, args...)
		p.Addr = net.JoinHostPort("127.0.0.1", own)
		Eventually(t, Patience, "the proxy listens", func() bool { return p.Log.Has("msg=listening") || p.HasEnded() })
		if !p.HasEnded() {
			return p
		}
		if !p.Log.Has("address already in use") {
			t.Fatalf("the proxy ended:\n%s", p.Log)
		}
	}
	t.Fatal("no port could be had")
	return nil
}

// Spawn starts the program, whatever it may do then. At the end of the test it is killed, with whatever belongs to it, and its log must not
// tell of a defect.
func Spawn(t testing.TB, binary string, env []string, args ...string) *Program {
	t.Helper()
	p := &Program{T: t, Cmd: exec.Command(binary, args...), Log: &Journal{}, ended: make(chan struct{})}
	p.Cmd.Stderr = p.Log
	p.Cmd.WaitDelay = time.Second // should a process be left behind that has standard error open
	tag := fmt.Sprintf("%s%d-%d", mark, os.Getpid(), families.Add(1))
	p.Cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0", tag), env...)
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Cmd.Wait() // how it ended is in Cmd.ProcessState
		close(p.ended)
	}()
	t.Cleanup(p.end)
	return p
}

// end kills what is left of the program, and looks at its log.
func (p *Program) end() {
	_ = p.Cmd.Process.Kill() // first: a keeper would make another worker
	<-p.ended
	for family := p.Family(); len(family) > 0; family = p.Family() {
		for _, pid := range family {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	for _, sign := range []string{"DATA RACE", "panic:", "fatal error:", "unknown message"} {
		if p.Log.Has(sign) {
			p.T.Errorf("the proxy's log tells of a defect (%q)", sign)
		}
	}
	if p.T.Failed() {
		p.T.Logf("the proxy's log:\n%s", p.Log.Tail(6000))
	}
}

// PID is that of the process that was started.
func (p *Program) PID() int { return p.Cmd.Process.Pid }

// HasEnded reports whether the process that was started is gone.
func (p *Program) HasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Signal sends a signal to the process that was started.
func (p *Program) Signal(s syscall.Signal) {
	p.T.Helper()
	if err := p.Cmd.Process.Signal(s); err != nil {
		p.T.Fatal(err)
	}
}

// ExitCode waits for the end of the process that was started; it is -1 if a signal ended it.
func (p *Program) ExitCode(within time.Duration) int {
	p.T.Helper()
	select {
	case <-p.ended:
		return p.Cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.T.Fatalf("the proxy still runs after %v", within)
		return -1
	}
}

// Eventually waits until a condition holds, and fails the test if that takes too long.
func Eventually(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(time.Millisecond) // between two looks
	}
}
