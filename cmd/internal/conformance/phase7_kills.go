package conformance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// killing is how a case of phase 7 kills the worker, while others of its functions keep connections going:
//
//	k := t.killing(f)
//	err := k.amid(func() error { for k.more() { … } … })
type killing struct {
	t   *Trial
	f   *forwarder
	rng *rand.Rand // for the killer only: traffic uses the trial's

	// calm is set by a case in which no byte moves meanwhile, so that there is nothing to wait for between two kills.
	calm bool
	// until is when to be content with the kills that there were, if it is not zero.
	until time.Time

	done  atomic.Int64
	last  time.Time     // when the last kill was
	worst time.Duration // how long there was no worker
	quiet time.Duration // how long no byte moved, where that was waited for
	over  chan struct{} // closed after the last kill
}

func (t *Trial) killing(f *forwarder) *killing {
	seed := uint64(newStream(t.opts.Seed, t.c.Name, -2))
	return &killing{t: t, f: f, rng: rand.New(rand.NewPCG(t.opts.Seed, seed)), over: make(chan struct{})}
}

// more reports whether there are kills to come: until then the traffic must go on.
func (k *killing) more() bool {
	select {
	case <-k.over:
		return false
	case <-k.t.gone():
		return false
	default:
		return true
	}
}

// amid kills the worker while the functions run, and returns when all are through. What goes wrong is reported with the number of kills.
func (k *killing) amid(fns ...func() error) error {
	err := k.t.together(append(slices.Clip(fns), k.kill)...)
	if n := k.done.Load(); err != nil && n > 0 {
		return fmt.Errorf("after %d of %d kills of the worker: %w", n, k.t.opts.Kills, err)
	}
	if err == nil {
		k.t.note("%d kills, no worker for %d ms at most", k.done.Load(), k.worst.Milliseconds())
		if !k.calm {
			k.t.note("no byte for %d ms at most", k.quiet.Milliseconds())
		}
	}
	return err
}

// aimless is the longest random time before a kill. The instant is to be any, in the work of the forwarder as in that of its next worker.
const aimless = 30 * time.Millisecond

// kill kills, as often as the options say, each time as soon as there is a worker again and a random time after that.
func (k *killing) kill() error {
	for n := range k.t.opts.Kills {
		if n > 0 && !k.until.IsZero() && time.Now().After(k.until) {
			break
		}
		if err := k.once(); err != nil {
			return err
		}
		// Most of the kills strike a worker that is known to serve, every third one whatever the new one is about just then.
		if !k.calm && n%3 != 2 {
			if err := k.awaitMoved(); err != nil {
				return err
			}
		}
		if err := k.t.pause(time.Duration(k.rng.Int64N(int64(aimless)))); err != nil {
			return err
		}
	}
	close(k.over)
	return nil
}

// once kills the worker and waits for the next one.
func (k *killing) once() error {
	worker, err := k.awaitWorker(0)
	if err != nil {
		return err
	}
	worker.kill()
	k.last = time.Now()
	k.done.Add(1)
	if _, err = k.awaitWorker(worker.pid); err != nil {
		return err
	}
	k.worst = max(k.worst, time.Since(k.last))
	return nil
}

// awaitWorker waits until the forwarder has a worker that is another one than before.
func (k *killing) awaitWorker(before int) (process, error) {
	for limit := time.Now().Add(promptly); ; {
		for _, p := range k.f.processes() {
			if p.name == k.t.opts.Worker && p.pid != before {
				return p, nil
			}
		}
		expected := fmt.Sprintf("a process named %s within %v", k.t.opts.Worker, promptly)
		switch {
		case !k.f.running():
			return process{}, wrong(expected, "%s", k.f.fate())
		case time.Now().After(limit) && before == 0:
			return process{}, wrong(expected+", to be killed", "none among the forwarder's descendants")
		case time.Now().After(limit):
			return process{}, wrong(expected+" after the last one was killed", "none")
		}
		if err := k.t.pause(time.Millisecond); err != nil {
			return process{}, err
		}
	}
}

// awaitMoved waits until more bytes have arrived at the peers.
func (k *killing) awaitMoved() error {
	for before, limit := k.t.moved.Load(), time.Now().Add(promptly); k.t.moved.Load() == before; {
		if time.Now().After(limit) {
			return wrong(fmt.Sprintf("bytes to arrive again within %v after the worker was killed", promptly), "none")
		}
		if err := k.t.pause(time.Millisecond); err != nil {
			return err
		}
	}
	k.quiet = max(k.quiet, time.Since(k.last))
	return nil
}
