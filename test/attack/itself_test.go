//go:build linux

package attack

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"tcpproxy/test/freeport"
)

// A proxy that forwards to itself would be its own client, and that one too, until a single client had taken every descriptor. Where that
// shows on the command line it does not start.
func TestForwardingToItselfIsRefused(t *testing.T) {
	port := freeport.For(t)
	for _, args := range [][]string{
		{"127.0.0.1", port, port},
		{"localhost", port, port},
		{"--listen-host", "127.0.0.1", "127.0.0.1", port, port},
		{"0.0.0.0", port, port},
	} {
		p := spawn(t, nil, args...)
		if code := p.exitCode(patience); code != 2 {
			t.Errorf("%q: exit code %d, want 2", args, code)
		}
		if !p.log.has("forward to itself") {
			t.Errorf("%q: the proxy says %q", args, p.log)
		}
	}
}

// A name may come to mean the proxy only later. Then one client gets a reset, and takes no descriptor with it.
func TestNameThatComesToMeanItself(t *testing.T) {
	n := newNamespace(t)
	n.ip("addr", "add", "10.79.0.1/24", "dev", "lo")
	own := []netip.Addr{loopback, netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("10.79.0.1")}
	s := startNameServer(t, n, nameAnswer{missing: true})
	const port = "7000"
	p := spawn(t, n.enterNamed(t), "--log-level", "info", "fickle.example", port, port) // on all addresses
	p.addr = net.JoinHostPort("127.0.0.1", port)
	eventually(t, patience, "the proxy listens", func() bool { return p.log.has("msg=listening") || p.hasEnded() })
	if p.hasEnded() {
		t.Fatalf("the proxy ended:\n%s", p.log)
	}
	before := p.holds()
	for _, addr := range own {
		asked := s.asked.Load()
		s.answer.Store(&nameAnswer{addrs: []netip.Addr{addr}})
		c, err := n.dial(net.Dialer{Timeout: patience}, p.addr)
		if err != nil && !isReset(err) {
			t.Fatal(err)
		}
		most := 0
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(patience))
			told := make(chan error, 1)
			go func() {
				_, err := c.Read(make([]byte, 1))
				told <- err
			}()
			for waiting := true; waiting; {
				select {
				case err = <-told:
					waiting = false
				case <-time.After(time.Millisecond):
				}
				most = max(most, p.holds().sockets-before.sockets)
			}
			_ = c.Close()
		}
		if s.asked.Load() == asked {
			t.Errorf("%v: the answer before it was kept, although it failed", addr)
		}
		if !isReset(err) {
			t.Errorf("%v: the client is told %v, want a reset", addr, err)
		}
		if most > 8 { // its own, a look-up's
			t.Errorf("%v: one client took %d sockets", addr, most)
		}
	}
	p.givesBack(t, before)
	eventually(t, patience, "the log says why", func() bool { return p.log.has("the proxy itself listens there") })
}
