//go:build linux

package e2e

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Urgent bytes arrive as ordinary ones, at their place in the stream: what TCP itself calls them, and none is lost (RFC 6093). Nor do
// they wake the proxy for ever.
func TestUrgentDataArrivesInBand(t *testing.T) {
	t.Parallel()
	eitherWay(t, fresh(), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		send(t, near, []byte("before "))
		urgent(t, near, "U")
		send(t, near, []byte(" after"))
		expect(t, far, []byte("before U after"))
		urgent(t, near, "!")
		expect(t, far, []byte("!"))
		p.asleep(t, time.Second)
		exchange(t, near, far)
		urgent(t, near, "?")
		closeWrite(t, near)
		expect(t, far, []byte("?"))
		expectEnd(t, far)
	})
}

// Urgent bytes in the middle of a bulk transfer stay where they are.
func TestUrgentDataAmidBulk(t *testing.T) {
	t.Parallel()
	data := noise(2 << 20)
	eitherWay(t, fresh(), func(t *testing.T, _ *proxy, near, far *net.TCPConn) {
		const times = 6
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range times {
				_, _ = near.Write(data)
				urgent(t, near, "U")
			}
			_ = near.CloseWrite()
		}()
		for range times {
			expect(t, far, data)
			expect(t, far, []byte("U"))
		}
		expectEnd(t, far)
		<-sent
	})
}

// urgent sends one byte as urgent.
func urgent(t *testing.T, c *net.TCPConn, one string) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	var sending error
	err = raw.Write(func(fd uintptr) bool {
		sending = unix.Sendto(int(fd), []byte(one), unix.MSG_OOB, nil)
		return sending != unix.EAGAIN
	})
	if err != nil || sending != nil {
		t.Errorf("sending an urgent byte: %v, %v", err, sending)
	}
}
