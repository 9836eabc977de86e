//go:build linux

package attack

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// soon is how long the end may take after the signal that asks for it at once. A second is meant; the rest is for a noisy machine.
func soon() time.Duration {
	if underRace() {
		return 10 * time.Second
	}
	return 3 * time.Second
}

// signalled is a signal, and what the log says when it has been seen.
type signalled struct {
	signal syscall.Signal
	says   string
}

// overload keeps a proxy busy until stop is called.
type overload struct {
	name  string
	flags []string
	start func(t *testing.T, p *proxy) (stop func())
}

// overloads are the kinds of it. Killing is one kind for every sort of actor, since each has a supervisor of its own that is kept busy.
func overloads() []overload {
	kinds := []overload{
		{"at rest", nil, func(*testing.T, *proxy) func() { return func() {} }},
		{"connect storm", nil, storm},
		{"admin pollers", nil, func(t *testing.T, p *proxy) func() {
			stop := p.poll(t, 16)
			return func() { stop() }
		}},
		{"bulk", nil, bulk},
	}
	for name, target := range map[string]string{
		"chaos among readers and writers": "*/session-*/*",
		"chaos among sessions":            "listener*/session-*",
		"chaos at the acceptor":           "*/acceptor",
		"chaos at the listener":           "listener*",
	} {
		kinds = append(kinds, overload{name, []string{"--chaos", "1000000", "--max-restarts", "1000000", "--chaos-target", target}, bulk})
	}
	return kinds
}

// Whoever wants the proxy to end gets that, however busy it is. A signal that has to wait its turn behind a million orders to fail, or
// behind everybody who wants to be accepted, would come too late.
func TestSignalsUnderOverload(t *testing.T) {
	for _, o := range overloads() {
		for _, s := range []struct {
			name  string
			first []signalled
			last  syscall.Signal
		}{
			{"hang-up, twice terminated", []signalled{{syscall.SIGHUP, "SIGHUP ignored"}, {syscall.SIGTERM, "msg=draining"}}, syscall.SIGTERM},
			{"quit", nil, syscall.SIGQUIT},
		} {
			t.Run(o.name+"/"+s.name, func(t *testing.T) {
				p := startAsked(t, nil, echoing(t), o.flags...)
				stays := p.dial(t) // so that draining has something to wait for
				stop := o.start(t, p)
				defer stop()
				time.Sleep(time.Duration(amount(150, 2000)) * time.Millisecond) // the overload is what is wanted, and has no event
				for _, first := range s.first {
					if p.hasEnded() {
						t.Fatalf("the proxy has ended before it was told to, by %v", first)
					}
					p.signal(first.signal)
					// Two at once would be one to the system. The log may have no room for the line, so it is not waited for without end.
					for until := time.Now().Add(time.Second); !p.log.has(first.says) && !p.hasEnded() && time.Now().Before(until); {
						time.Sleep(time.Millisecond)
					}
				}
				started := time.Now()
				if len(s.first) == 0 || !p.hasEnded() { // killing may have taken the session that stays, and then draining is over
					p.signal(s.last)
				}
				code := p.exitCode(soon())
				t.Logf("ended %v after the last signal", time.Since(started).Round(time.Millisecond))
				if code != 0 {
					t.Errorf("exit code %d", code)
				}
				_ = stays.Close()
			})
		}
	}
}

// storm connects and resets as fast as it can.
func storm(_ *testing.T, p *proxy) (stop func()) {
	return crowd(16, func(over <-chan struct{}) {
		for !isClosed(over) {
			c, err := net.DialTimeout("tcp", p.addr, time.Second)
			if err != nil {
				continue // nobody listens any more, or nobody yet
			}
			_, _ = c.Write([]byte("x"))
			reset(c.(*net.TCPConn))
		}
	})
}

// bulk moves bytes both ways as fast as it can. A session that is reset is replaced.
func bulk(_ *testing.T, p *proxy) (stop func()) {
	return crowd(8, func(over <-chan struct{}) {
		for !isClosed(over) {
			c, err := net.DialTimeout("tcp", p.addr, time.Second)
			if err != nil {
				continue
			}
			ended := make(chan struct{})
			go func() {
				select {
				case <-over:
				case <-ended:
				}
				_ = c.Close()
			}()
			var back sync.WaitGroup
			back.Go(func() { _, _ = io.Copy(io.Discard, c) })
			data := make([]byte, 256<<10)
			for err = nil; err == nil; {
				_, err = c.Write(data)
			}
			close(ended)
			back.Wait()
		}
	})
}

// crowd runs so many of f until stop is called, which waits for them.
func crowd(n int, f func(over <-chan struct{})) (stop func()) {
	over := make(chan struct{})
	var all sync.WaitGroup
	for range n {
		all.Go(func() { f(over) })
	}
	return sync.OnceFunc(func() {
		close(over)
		all.Wait()
	})
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// isReset reports whether the other end, or its system, broke off.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
