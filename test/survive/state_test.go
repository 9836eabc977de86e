//go:build linux

package survive

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tcpproxy/actors/survival"
	"tcpproxy/test/program"
)

// state maps the memory that the processes of a program share, as one more of them, until the end of the test. So a test sees who is who
// without a look through /proc, and may damage what is written there.
func state(t *testing.T, p *program.Program) *survival.Memory {
	t.Helper()
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.PID()))
	for _, link := range links {
		if to, _ := os.Readlink(link); to != "/memfd:tcpproxy (deleted)" {
			continue
		}
		fd, err := syscall.Open(link, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		m, err := survival.Open(fd)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Unmap)
		return m
	}
	t.Fatal("the program has no memory that outlives its processes")
	return nil
}

// kill kills the worker with -9, if somebody stands by for it: both within the same instant is not what the proxy survives.
func kill(m *survival.Memory) bool {
	worker := int(m.Worker.Load())
	return (m.Holder.Load() != 0 || m.Spare.Load() != 0) && worker > 0 && syscall.Kill(worker, syscall.SIGKILL) == nil
}

// killWhenReady waits until a worker serves and somebody stands by, and kills it then. It returns which one it was.
func killWhenReady(t *testing.T, p *program.Program, m *survival.Memory) (generation uint64) {
	t.Helper()
	program.Eventually(t, program.Patience, "a worker serves, and somebody stands by", func() bool {
		return serves(m) && m.Holder.Load() != 0 || p.HasEnded()
	})
	generation = m.Generation.Load()
	if !kill(m) {
		t.Fatal("there is no worker to kill")
	}
	return generation
}

// killAndAwait kills the worker, and waits until the next one serves.
func killAndAwait(t *testing.T, p *program.Program, m *survival.Memory) {
	t.Helper()
	generation := killWhenReady(t, p, m)
	program.Eventually(t, program.Patience, "the next worker serves", func() bool {
		return m.Generation.Load() > generation && serves(m) || p.HasEnded()
	})
}

func serves(m *survival.Memory) bool { return m.Ready.Load() == m.Generation.Load() }

// killEvery kills the worker again and again, until it is told to end, but none that does not serve yet: on a machine that is slow enough
// nothing would ever move. It returns how often it did.
func killEvery(m *survival.Memory, every time.Duration, over <-chan struct{}) (killed int) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return killed
		case <-tick.C:
			if serves(m) && kill(m) {
				killed++
			}
		}
	}
}

// drainAndEnd ends the program in order: it must not leave anything behind.
func drainAndEnd(t *testing.T, p *program.Program) {
	t.Helper()
	p.Signal(syscall.SIGTERM)
	if code := p.ExitCode(program.Patience); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
	if left := p.Family(); len(left) > 0 {
		t.Errorf("processes are left behind: %v", left)
	}
}
