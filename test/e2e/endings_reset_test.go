//go:build linux

package e2e

import (
	"net"
	"testing"
	"time"
)

// A reset at rest is passed on at once.
func TestResetIsPassedOn(t *testing.T) {
	t.Parallel()
	eitherWay(t, fresh(), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		exchange(t, near, far)
		reset(near)
		began := time.Now()
		expectReset(t, far)
		if took := time.Since(began); took > time.Second {
			t.Errorf("the reset took %v", took)
		}
		p.restsAt(t, 1)
	})
}

// What a side had sent before it reset is delivered, even what nobody has had room for so far; then the other side sees a RST, not
// a FIN, since the stream is incomplete.
func TestResetComesAfterTheBytesInFlight(t *testing.T) {
	t.Parallel()
	data := noise(64 << 20)
	for _, test := range []struct {
		name string
		size int // how much is sent before the reset; 0: as much as all buffers on the way take
	}{{"a line", 20}, {"some buffers", 200_000}, {"all there is room for", 0}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			eitherWay(t, freshSmall(), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
				sent := data[:test.size]
				if test.size > 0 {
					send(t, near, sent)
					delivered(t, near)
				} else {
					taken, _ := flood(t, near, far, data)
					// What the proxy's system has not acknowledged is lost in the reset, and was never the proxy's.
					sent = data[:taken-unsent(near)]
				}
				reset(near)
				expect(t, far, sent)
				expectReset(t, far)
				p.restsAt(t, 1)
			})
		})
	}
}

// A reset that comes while the other side hangs does not wait for that side for ever.
func TestResetWhileOtherSideHangs(t *testing.T) {
	t.Parallel()
	data := noise(64 << 20)
	eitherWay(t, freshSmall("--hang-timeout", "4s"), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		flood(t, near, far, data)
		reset(near)
		eventually(t, 8*time.Second, "RST at the side that does not read", func() bool { return state(far) == closed })
		p.restsAt(t, 1)
	})
}

// A half-closed side that resets afterwards resets the other one, too: it will not read the answer.
func TestResetAfterHalfClose(t *testing.T) {
	t.Parallel()
	eitherWay(t, fresh(), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		send(t, near, []byte("question"))
		closeWrite(t, near)
		expect(t, far, []byte("question"))
		expectEnd(t, far)
		reset(near)
		eventually(t, time.Second, "RST at the side that would answer", func() bool { return state(far) == closed })
		p.restsAt(t, 1)
	})
}
