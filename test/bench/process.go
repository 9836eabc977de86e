//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child in a process group of its own. Whoever starts one stops
// it; should the harness be killed first, the kernel asks it to end. (It asks
// when the thread that started the child ends. Threads of a Go program last as
// long as the program, unless a goroutine locks one; none here does.)
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	stderr tail
}

// startProcess runs a program with a bare environment, so that no setting of
// the caller's shell (GOGC, GOMAXPROCS, …) favours one proxy over another.
func startProcess(stdin io.Reader, stdout io.Writer, argv ...string) (*process, error) {
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if dir := profileDir(); dir != "" {
		p.cmd.Env = append(p.cmd.Env, profileVariable+"="+dir)
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, stdout, &p.stderr
	p.cmd.WaitDelay = 2 * time.Second // a grandchild may hold the pipes open
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // the exit status of a killed child says nothing
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop kills the whole group and waits until the last member is gone, so that
// its dying is not charged to whoever is measured next. Nothing that is
// measured happens after a run, so nobody is asked politely, except a proxy
// that has a profile to write.
func (p *process) stop() {
	if profileDir() != "" {
		p.letWrite()
	}
	groups := p.groups()
	for _, group := range groups {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	<-p.ended
	for range 500 {
		groups = slices.DeleteFunc(groups, func(group int) bool {
			return errors.Is(syscall.Kill(-group, syscall.SIGKILL), syscall.ESRCH)
		})
		if len(groups) == 0 {
			return
		}
		time.Sleep(4 * time.Millisecond)
	}
}

// groups are the process groups of the program and of all that it has started, its own first: a proxy that survives its process has its
// worker in another.
func (p *process) groups() []int {
	all := []int{p.pid()}
	members, _ := family(p.pid())
	for _, pid := range members {
		if group, err := syscall.Getpgid(pid); err == nil && !slices.Contains(all, group) {
			all = append(all, group)
		}
	}
	return all
}

// profileVariable names the directory into which a proxy built for `make
// profile` writes what it has recorded, when it ends.
const profileVariable = "TCPPROXY_PROFILE"

func profileDir() string { return os.Getenv(profileVariable) }

// letWrite sends two signals, since the first only drains, and gives the
// program some time to end by itself.
func (p *process) letWrite() {
	for range 10 {
		_ = syscall.Kill(p.pid(), syscall.SIGTERM)
		select {
		case <-p.ended:
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// interrupt asks the program to finish by itself and kills it after a while.
func (p *process) interrupt(ctx context.Context) error {
	_ = syscall.Kill(p.pid(), syscall.SIGINT)
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
	}
	p.stop()
	return fmt.Errorf("%s did not stop", p.cmd.Args[0])
}

// complaint wraps err with the last thing the program said.
func (p *process) complaint(err error) error {
	if said := p.stderr.lastLine(); said != "" {
		return fmt.Errorf("%w (%s)", err, said)
	}
	return err
}

// tail keeps what a program says on standard error, up to a bound.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text.Len() < 64<<10 {
		t.text.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func (t *tail) lastLine() string {
	text := strings.TrimSpace(t.String())
	return text[strings.LastIndexByte(text, '\n')+1:]
}
