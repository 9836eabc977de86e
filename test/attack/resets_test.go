//go:build linux

package attack

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// ends counts how streams have ended that reached a destination.
type ends struct{ orderly, reset, other atomic.Int64 }

// String is for a log line.
func (e *ends) String() string {
	return fmt.Sprintf("%d orderly, %d by a reset, %d otherwise", e.orderly.Load(), e.reset.Load(), e.other.Load())
}

// note reads a connection to its end, and counts that. Nobody may write to it who could be the first to hear of a reset: the system tells
// of it once, and whoever reads then finds what looks like an orderly end.
func (e *ends) note(c net.Conn) {
	_, err := io.Copy(io.Discard, c)
	switch {
	case err == nil:
		e.orderly.Add(1)
	case errors.Is(err, syscall.ECONNRESET):
		e.reset.Add(1)
	default:
		e.other.Add(1)
	}
}

// A client that resets its connection has not ended its stream. Whenever it does so, and most of all before the proxy has connected, or
// has even accepted it, the destination must not take what came for the whole. A client that seems to have sent all of nothing is
// the commonest mistake here: a proxy that only looks for readable sockets sees the end of the stream, and not that it was a reset.
func TestClientsThatResetAtEveryStage(t *testing.T) {
	for _, stage := range []struct {
		name string
		// act is what a client does before it resets.
		act func(random *rand.Rand, c *net.TCPConn)
		// asleep has the proxy stand still while the clients come and go, so that they are gone before it accepts them.
		asleep bool
	}{
		{"before it is accepted", func(*rand.Rand, *net.TCPConn) {}, true},
		{"before it is accepted, with bytes", sendSome, true},
		{"while connecting", func(r *rand.Rand, _ *net.TCPConn) { linger(r, 300*time.Microsecond) }, false},
		{"while connecting, with bytes", func(r *rand.Rand, c *net.TCPConn) { sendSome(r, c); linger(r, 300*time.Microsecond) }, false},
		{"right after connecting", func(r *rand.Rand, _ *net.TCPConn) { linger(r, 5*time.Millisecond) }, false},
		{"after the first bytes", func(r *rand.Rand, c *net.TCPConn) { sendSome(r, c); linger(r, 5*time.Millisecond) }, false},
		{"after an exchange", func(_ *rand.Rand, c *net.TCPConn) {
			_, _ = c.Write([]byte("x"))
			_, _ = c.Read(make([]byte, 1))
		}, false},
	} {
		t.Run(stage.name, func(t *testing.T) {
			random := chance(t)
			var seen ends
			l := listen(t, "127.0.0.1:0")
			serve(t, l, func(c *net.TCPConn) {
				if strings.HasSuffix(stage.name, "exchange") {
					_, _ = c.Read(make([]byte, 1))
					_, _ = c.Write([]byte("y"))
				}
				seen.note(c)
			})
			p := startProxy(t, l.Addr().String(), "--log-level", "info")
			before := p.holds()
			clients := amount(300, 4000)
			if stage.asleep {
				clients = amount(300, 2000) // no more than wait in the backlog
				p.signal(syscall.SIGSTOP)
			}
			seeds := make([]uint64, clients)
			for i := range seeds {
				seeds[i] = random.Uint64()
			}
			err := each(clients, 16, func(i int) error {
				c, err := net.DialTimeout("tcp", p.addr, patience)
				if err != nil {
					return err
				}
				_ = c.SetDeadline(time.Now().Add(patience))
				stage.act(rand.New(rand.NewPCG(seeds[i], 0)), c.(*net.TCPConn))
				reset(c.(*net.TCPConn))
				return nil
			})
			if stage.asleep {
				p.signal(syscall.SIGCONT)
			}
			if err != nil {
				t.Fatal(err)
			}
			p.givesBack(t, before)
			t.Logf("%d clients; what came to the destination ended: %v", clients, &seen)
			if n := seen.orderly.Load(); n > 0 {
				t.Errorf("%d streams that were reset came to the destination with an orderly end", n)
			}
		})
	}
}

// sendSome sends a little.
func sendSome(random *rand.Rand, c *net.TCPConn) { _, _ = c.Write(make([]byte, 1+random.IntN(2000))) }

// linger lets a random time pass, none at all in a third of the cases: what is to be hit lies at no time that is known.
func linger(random *rand.Rand, most time.Duration) {
	if random.IntN(3) > 0 {
		time.Sleep(time.Duration(random.Int64N(int64(most))))
	}
}

// The same with the sides changed: a destination that resets has not ended its stream, and no client may take it for that.
func TestDestinationsThatResetAtEveryStage(t *testing.T) {
	for _, stage := range []struct {
		name string
		act  func(random *rand.Rand, c *net.TCPConn)
	}{
		{"at once", func(*rand.Rand, *net.TCPConn) {}},
		{"soon", func(r *rand.Rand, _ *net.TCPConn) { linger(r, time.Millisecond) }},
		{"after the first bytes", sendSome},
		{"a while after the first bytes", func(r *rand.Rand, c *net.TCPConn) { sendSome(r, c); linger(r, 5*time.Millisecond) }},
		{"after an exchange", func(r *rand.Rand, c *net.TCPConn) {
			_, _ = c.Read(make([]byte, 1))
			sendSome(r, c)
		}},
	} {
		t.Run(stage.name, func(t *testing.T) {
			random := chance(t)
			seed := random.Uint64()
			var turn atomic.Uint64
			l := listen(t, "127.0.0.1:0")
			serve(t, l, func(c *net.TCPConn) {
				_ = c.SetDeadline(time.Now().Add(patience))
				stage.act(rand.New(rand.NewPCG(seed, turn.Add(1))), c)
				reset(c)
			})
			p := startProxy(t, l.Addr().String(), "--log-level", "info")
			before := p.holds()
			var seen ends
			clients := amount(300, 4000)
			err := each(clients, 16, func(int) error {
				c, err := net.DialTimeout("tcp", p.addr, patience)
				if errors.Is(err, syscall.ECONNRESET) {
					seen.reset.Add(1) // so soon that the dialler already hears of it
					return nil
				}
				if err != nil {
					return err
				}
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(patience))
				if _, err := c.Write([]byte("x")); err != nil {
					seen.reset.Add(1)
					return nil
				}
				seen.note(c)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			p.givesBack(t, before)
			t.Logf("%d clients; what came to them ended: %v", clients, &seen)
			if n := clients - int(seen.reset.Load()); n > 0 {
				t.Errorf("%d streams that were reset did not come to the client with a reset: %v", n, &seen)
			}
		})
	}
}
