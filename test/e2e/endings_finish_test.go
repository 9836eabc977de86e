//go:build linux

package e2e

import (
	"io"
	"net"
	"testing"
	"time"
)

// A side that has said everything closes its half; the other direction lives on, and when that ends too nothing is left.
func TestHalfCloseIsPassedOnAndTheOtherDirectionGoesOn(t *testing.T) {
	t.Parallel()
	reply := noise(1 << 20)
	eitherWay(t, fresh(), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		if n := p.sockets(); n != 3 {
			t.Fatalf("the proxy holds %d sockets during a session, want 3", n)
		}
		send(t, near, []byte("that is all"))
		closeWrite(t, near)
		expect(t, far, []byte("that is all"))
		expectEnd(t, far)

		// The other direction, byte by byte and in bulk.
		for range 3 {
			send(t, far, []byte("x"))
			expect(t, near, []byte("x"))
		}
		go func() {
			_, _ = far.Write(reply)
			_ = far.CloseWrite()
		}()
		expect(t, near, reply)
		expectEnd(t, near)
		eventually(t, time.Second, "the session's descriptors are free", func() bool { return p.sockets() == 1 })
	})
}

// Both sides close at the same moment, with bytes under way in both directions.
func TestBothSidesFinishAtOnce(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	data := noise(300_000)
	for _, c := range []*net.TCPConn{s.client, s.server} {
		go func() {
			_, _ = c.Write(data)
			_ = c.CloseWrite()
		}()
	}
	expect(t, s.client, data)
	expectEnd(t, s.client)
	expect(t, s.server, data)
	expectEnd(t, s.server)
	eventually(t, time.Second, "the session's descriptors are free", func() bool { return s.proxy.sockets() == 1 })
	s.proxy.logged(t, 1, "session closed", "cause=finished")
}

// A client that connects and leaves without a word is an ordinary session, and the server sees one.
func TestSessionWithoutAByte(t *testing.T) {
	t.Parallel()
	eitherWay(t, fresh(), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		closeWrite(t, near)
		expectEnd(t, far)
		_ = far.Close()
		expectEnd(t, near)
		p.restsAt(t, 1)
	})
}

// Many megabytes arrive unchanged, in both directions at once, and the stream ends where it ought to.
func TestBulkBothWays(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	data := noise(24 << 20)
	for _, c := range []*net.TCPConn{s.client, s.server} {
		go func() {
			_, _ = c.Write(data)
			_ = c.CloseWrite()
		}()
	}
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(s.server)
		got <- all
	}()
	expect(t, s.client, data)
	expectEnd(t, s.client)
	if all := <-got; string(all) != string(data) {
		t.Errorf("the server read %d bytes that are not the %d sent", len(all), len(data))
	}
}
