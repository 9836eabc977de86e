//go:build linux

package survive

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/program"
)

// full reports whether the long form is asked for.
func full() bool { return os.Getenv("SURVIVE") == "full" }

// strategies are those that no failure of an actor ends a session under, and that therefore let every byte through.
var strategies = []string{"one-for-one", "all-for-one", "rest-for-one", "backoff", "resume"}

// TestHavoc kills the worker, and now and then the holder, while streams of all kinds go through the proxy, whose actors chaos kills at the
// same time. Not one byte may be lost, repeated or changed, and no connection may end early.
func TestHavoc(t *testing.T) {
	kills := 40 // under each strategy
	switch {
	case full():
		kills = 200
	case program.UnderRace(): // a worker takes ten times as long to start
		kills = 8
	}
	for _, strategy := range strategies {
		t.Run(strategy, func(t *testing.T) { havoc(t, strategy, kills) })
	}
}

func havoc(t *testing.T, strategy string, kills int) {
	random := chance(t)
	d := startDestination(t)
	p := program.Start(t, plain, nil, d.addr(), "--survive", "--supervision", strategy, "--max-restarts", "1000000", "--loops", "2",
		"--chaos", "100", "--chaos-target", "*")
	const lines = 20
	var streams sync.WaitGroup
	var over atomic.Bool
	var done atomic.Int64
	for range lines {
		mine := rand.New(rand.NewPCG(random.Uint64(), 1))
		streams.Go(func() {
			for !over.Load() {
				if err := d.exchange(p.Addr, someOrder(mine)); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	killed := killAtRandom(t, p, random, kills, time.Now().Add(3*time.Minute))
	over.Store(true)
	streams.Wait()
	t.Logf("%d streams went through %d kills", done.Load(), killed)
	p.Signal(syscall.SIGTERM)
	if code := p.ExitCode(program.Patience); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
	if left := p.Family(); len(left) > 0 {
		t.Errorf("processes are left behind: %v", left)
	}
}

// someOrder is traffic of any kind.
func someOrder(r *rand.Rand) order {
	o := order{Seed: r.Uint64()}
	switch r.IntN(4) {
	case 0: // bulk
		o.Up, o.Down, o.Size = r.Uint32N(16<<20), r.Uint32N(16<<20), 256<<10
	case 1: // chopped
		o.Up, o.Down, o.Size = r.Uint32N(1<<20), r.Uint32N(1<<20), 1+r.Uint32N(3000)
	case 2: // round trips
		o.Turns, o.Size = r.Uint32N(2000), 1+r.Uint32N(500)
	case 3: // one direction only
		o.Down, o.Size = r.Uint32N(32<<20), 1<<20
	}
	return o
}

// killAtRandom kills worker or holder again and again, each time as soon as both are there and a random time after that.
func killAtRandom(t *testing.T, p *program.Program, random *rand.Rand, kills int, until time.Time) (killed int) {
	for killed < kills && time.Now().Before(until) && !t.Failed() {
		time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond) // the instant of the kill is to be any
		worker, holder := p.Worker(), p.Holder()
		if worker == 0 || holder == 0 {
			continue
		}
		victim := worker
		if random.IntN(5) == 0 {
			victim = holder
		}
		if err := syscall.Kill(victim, syscall.SIGKILL); err == nil {
			killed++
		}
		// Both within the same instant is not what the proxy survives: the other is spared until the first is replaced.
		program.Eventually(t, program.Patience, fmt.Sprintf("%d is replaced", victim), func() bool {
			w, h := p.Worker(), p.Holder()
			return w != 0 && h != 0 && (w != worker || h != holder) && w != victim && h != victim || p.HasEnded()
		})
	}
	return killed
}
