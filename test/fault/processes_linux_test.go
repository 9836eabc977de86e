package fault_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tcpproxy/test/fault"
	"tcpproxy/test/program"
)

// built is the real program. It is built for the first test that needs it, into a folder that lasts as long as that.
func built(t *testing.T) string {
	t.Helper()
	binary, err := program.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// echoing is the address of a destination that returns what it gets.
func echoing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

// TestKillProcesses kills worker and holder of the real program under a stream, which goes on as if nothing had been.
func TestKillProcesses(t *testing.T) {
	p := program.Start(t, built(t), nil, echoing(t), "--survive")
	ctx, cancel := context.WithTimeout(t.Context(), program.Patience)
	defer cancel()
	client, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = client.SetDeadline(deadline)
	}
	out, in := fault.NewStream(1), fault.NewStream(1)
	trip := func() {
		t.Helper()
		if err := errors.Join(out.Send(client, 5000), in.Expect(client, 5000)); err != nil {
			t.Fatal(err)
		}
	}
	trip()

	family := fault.Processes(p.PID())
	for range 3 {
		worker, holder := family.Worker(), family.Holder()
		r, err := family.KillWorker(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Log("the worker:", r)
		if r.Killed != worker || r.Successor != holder || family.Worker() != holder || r.Gap <= 0 {
			t.Errorf("worker %d, holder %d: %+v; now the worker is %d", worker, holder, r, family.Worker())
		}
		trip()
		if r, err = family.KillHolder(ctx); err != nil {
			t.Fatal(err)
		}
		t.Log("the holder:", r)
		if family.Worker() != holder || family.Holder() != r.Successor || r.Successor == r.Killed {
			t.Errorf("%+v; now the worker is %d and was %d, the holder %d", r, family.Worker(), holder, family.Holder())
		}
		trip()
	}

	// The others go on without their keeper, and are found, by what was seen of them before.
	if err := p.Cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.ExitCode(program.Patience)
	if _, err := family.KillWorker(ctx); err != nil {
		t.Fatal(err)
	}
	trip()
	if all := p.Family(); len(all) < 2 || family.Worker() != p.Worker() {
		t.Errorf("without the keeper: %v, worker %d, %d by its mark", all, family.Worker(), p.Worker())
	}
	if err := syscall.Kill(family.Worker(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = client.(*net.TCPConn).CloseWrite()
	if err := in.ExpectEnd(client); err != nil {
		t.Error(err)
	}
	program.Eventually(t, program.Patience, "all are gone", func() bool { return len(family.PIDs()) == 0 && len(p.Family()) == 0 })
}

// TestKillProcessesOfNobody: a program without --survive has no such processes, and nor has one that has ended. The error says so.
func TestKillProcessesOfNobody(t *testing.T) {
	p := program.Start(t, built(t), nil, echoing(t))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	family := fault.Processes(p.PID())
	for _, kill := range []func(context.Context) (fault.Replacement, error){family.KillWorker, family.KillHolder} {
		r, err := kill(over)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "worker none, holder none") || r != (fault.Replacement{}) {
			t.Errorf("%v, %v", r, err)
		}
	}
	p.Signal(syscall.SIGTERM)
	if code := p.ExitCode(program.Patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := family.KillWorker(over); err == nil || !strings.Contains(err.Error(), "keeper none") {
		t.Error(err)
	}
	if one, other := fault.Mark(), fault.Mark(); one == other {
		t.Errorf("two marks are the same: %s", one)
	}
}
