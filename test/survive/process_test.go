//go:build linux

package survive

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tcpproxy/test/program"
)

// Each of the three is killed in turn, and what is missing comes back.
func TestKillWorker(t *testing.T) {
	p := start(t, plain)
	first, _ := p.now()
	if !first.Survive || first.Keeper != p.keeper() || len(p.processes()) != 3 {
		t.Fatalf("%+v, keeper %d, processes %v", first, p.keeper(), p.processes())
	}
	p.kill(first.Worker, syscall.SIGKILL)
	second := p.next(first)
	if second.Generation != 2 || second.Worker != first.Holder || second.Holder == first.Holder ||
		second.Keeper != p.keeper() || second.Reason != "killed by signal 9" {
		t.Errorf("after %+v: %+v", first, second)
	}
	for pid, want := range map[int]string{second.Worker: "tcpproxy-worker", second.Holder: "tcpproxy-holder"} {
		if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); strings.TrimSpace(string(comm)) != want {
			t.Errorf("process %d: %q, %v, want %s", pid, comm, err, want)
		}
	}
	p.fetch()
	p.kill(second.Worker, syscall.SIGABRT) // the Go runtime answers with its stacks and exit status 2, as it does to a panic
	if third := p.next(second); third.Generation != 3 || third.Reason != "exit status 2" {
		t.Errorf("after %+v: %+v", second, third)
	}
	p.fetch()
	if n := len(p.processes()); n != 3 {
		t.Errorf("%d processes", n)
	}
}

// A restart costs no descriptor.
func TestDescriptors(t *testing.T) {
	p := start(t, plain, "--max-restarts", "100")
	count := func(pid int) int {
		entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		return len(entries)
	}
	now, _ := p.now()
	p.kill(now.Worker, syscall.SIGKILL)
	now = p.next(now)
	var want int
	eventually(t, "a steady count", func() bool { // the connection that asked is just being closed
		before := want
		want = count(now.Worker)
		return want == before
	})
	for range 5 {
		p.kill(now.Worker, syscall.SIGKILL)
		now = p.next(now)
	}
	eventually(t, "as many descriptors as before", func() bool { return count(now.Worker) <= want && count(now.Holder) <= want })
}

func TestKillHolder(t *testing.T) {
	p := start(t, plain)
	first, _ := p.now()
	for range 5 {
		p.kill(first.Holder, syscall.SIGKILL)
		now := p.await("another holder", func(now process) bool { return now.Holder != first.Holder && now.Holder != 0 })
		if now.Worker != first.Worker || now.Generation != 1 {
			t.Fatalf("after %+v: %+v", first, now)
		}
		first.Holder = now.Holder
	}
	p.kill(first.Worker, syscall.SIGKILL)
	if second := p.next(first); second.Worker != first.Holder {
		t.Errorf("after %+v: %+v", first, second)
	}
	p.fetch()
}

func TestKillKeeper(t *testing.T) {
	p := start(t, plain)
	first, _ := p.now()
	p.kill(first.Keeper, syscall.SIGKILL)
	p.awaitLog("the keeper is gone")
	p.kill(first.Worker, syscall.SIGKILL)
	second := p.next(first)
	if second.Keeper != 0 || second.Worker != first.Holder || second.Reason != "died" {
		t.Errorf("after %+v: %+v", first, second)
	}
	p.kill(second.Worker, syscall.SIGUSR2)
	p.awaitLog("no upgrade: the keeper is gone")
	p.kill(second.Worker, syscall.SIGTERM)
	eventually(t, "all are gone", func() bool { return len(p.processes()) == 0 })
}

func TestKillWorkerAndHolder(t *testing.T) {
	p := start(t, plain)
	first, _ := p.now()
	p.kill(first.Worker, syscall.SIGSTOP) // so that it cannot make another holder in between
	p.kill(first.Holder, syscall.SIGKILL)
	p.kill(first.Worker, syscall.SIGKILL)
	second := p.next(first)
	if second.Generation != 2 || second.Reason != "worker and holder died together" || second.Keeper != p.keeper() {
		t.Errorf("after %+v: %+v", first, second)
	}
	p.fetch()
	p.awaitLog("worker and holder died together: their connections are lost, starting over")
}

// Signals end the program as they do without --survive, whoever gets them.
func TestSignals(t *testing.T) {
	for name, signals := range map[string][]syscall.Signal{
		"one of a proxy without sessions": {syscall.SIGTERM},
		"two":                             {syscall.SIGTERM, syscall.SIGINT},
		"two of a kind":                   {syscall.SIGINT, syscall.SIGINT},
		"quit":                            {syscall.SIGQUIT},
	} {
		for _, toKeeper := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, to the keeper %v", name, toKeeper), func(t *testing.T) {
				p := start(t, plain)
				now, _ := p.now()
				pid := now.Worker
				if toKeeper {
					pid = now.Keeper
				}
				if len(signals) > 1 {
					p.stall()
				}
				for i, s := range signals {
					if i > 0 {
						p.awaitLog("msg=draining")
					}
					p.kill(pid, s)
				}
				if code := p.end(); code != 0 {
					t.Errorf("exit code %d", code)
				}
			})
		}
	}
}

// An order holds for the next worker, too.
func TestOrderOutlivesWorker(t *testing.T) {
	p := start(t, plain)
	first, _ := p.now()
	p.kill(first.Worker, syscall.SIGSTOP)
	p.kill(first.Keeper, syscall.SIGTERM)
	p.kill(first.Worker, syscall.SIGKILL)
	if code := p.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestPortTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	out, err := exec.Command(plain, "--survive", "--listen-host", "127.0.0.1", "localhost", "80", port).CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 || strings.Count(string(out), "\n") != 1 ||
		!strings.Contains(string(out), "address already in use: choose another listen-port") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTooManyDeaths(t *testing.T) {
	p := start(t, plain, "--max-restarts", "2", "--within", "1m")
	download := p.stall()
	for now, _ := p.now(); ; now = p.next(now) {
		p.kill(now.Worker, syscall.SIGKILL)
		if now.Generation == 3 {
			break
		}
	}
	if code := p.end(); code != 1 || strings.Count(p.said(), "tcpproxy: the worker died 3 times within 1m0s: given up\n") != 1 {
		t.Errorf("exit code %d", code)
	}
	if n, err := io.Copy(io.Discard, download); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client read %d bytes, and then %v", n, err)
	}
}

// Whichever of the processes is killed, as soon as there are two who could go on, they do.
func TestRandomOrder(t *testing.T) {
	kills := 200
	if testing.Short() || program.UnderRace() {
		kills = 30
	}
	random := chance(t)
	p := start(t, plain, "--max-restarts", "100000")
	for i := range kills {
		if random.IntN(2) == 0 { // else as soon as it may be
			p.await("a worker and its holder", func(now process) bool { return now.Holder != 0 && len(p.processes()) == 3 })
		}
		var alive []int
		eventually(t, "there are two", func() bool {
			// Seen twice: one that is being killed, such as a spare, is still there, but not for long.
			before := alive
			alive = p.besideKeeper()
			return len(alive) >= 2 && slices.Equal(before, alive)
		})
		victim := alive[random.IntN(len(alive))]
		if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
			continue // it was a spare, and is gone
		}
		eventually(t, "it is dead", func() bool { return !slices.Contains(p.processes(), victim) })
		if n := strings.Count(p.said(), "died together"); n != 0 {
			t.Fatalf("after %d kills nobody was left", i+1)
		}
	}
	now := p.await("three processes", func(now process) bool { return now.Holder != 0 && len(p.processes()) == 3 })
	p.fetch()
	t.Logf("generation %d", now.Generation)
	p.kill(p.keeper(), syscall.SIGTERM)
	if code := p.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
