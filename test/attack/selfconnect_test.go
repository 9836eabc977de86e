//go:build linux

package attack

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A connection to a port of this machine on which nobody listens may be given that very port as its source, and then meets itself: the
// client gets its own bytes back, as if somebody echoed them, and the real server finds its port taken. With the whole range of ports that
// happens once in some ten thousand times; with a narrow one it happens nearly every time, or every time.
func TestClosedPortDoesNotEcho(t *testing.T) {
	for _, ports := range []string{"40000 40001", "40000 40063"} {
		t.Run(ports, func(t *testing.T) {
			const destination = "127.0.0.1:40000"
			n := newNamespace(t)
			n.set("ipv4/ip_local_port_range", ports)
			p := startPrepared(t, n.enter, "127.0.0.1", destination, "--log-level", "info")
			before := p.holds()
			var echoes atomic.Int64
			clients := amount(2000, 10000)
			err := each(clients, 8, func(i int) error {
				// Clients choose their ports, outside of the range, so that they do not compete with the proxy for those inside.
				from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%4)), Port: 20000 + i/4}
				c, err := n.dial(net.Dialer{LocalAddr: from, Timeout: patience}, p.addr)
				if errors.Is(err, syscall.ECONNRESET) {
					return nil // so soon that the dialler already hears of it
				}
				if err != nil {
					return err
				}
				defer reset(c)
				_ = c.SetDeadline(time.Now().Add(patience))
				if _, err := c.Write([]byte("is anybody there?")); err != nil {
					return nil // it was reset already
				}
				got, err := c.Read(make([]byte, 64))
				if got > 0 {
					echoes.Add(1)
				} else if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
					return fmt.Errorf("the client is not told of the failure by a reset: %w", err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if n := echoes.Load(); n > 0 {
				t.Errorf("%d of %d clients got their own bytes back from a port on which nobody listens", n, clients)
			}
			p.givesBack(t, before)
			l := n.listen(destination) // the real server comes up, and finds its port free
			serve(t, l, echo)
			c, err := n.dial(net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9), Port: 20000}}, p.addr)
			if err == nil {
				_ = c.SetDeadline(time.Now().Add(patience))
				err = ping(c)
				_ = c.Close()
			}
			if err != nil {
				t.Errorf("the real server is not reached: %v", err)
			}
		})
	}
}
