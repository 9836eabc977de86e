//go:build linux

package e2e

import (
	"net"
	"testing"
	"time"
)

// With --no-timeouts a session may be silent, or stalled, for longer than the two default timeouts, and goes on where it was.
func TestNoTimeouts(t *testing.T) {
	t.Parallel()
	const beyond = 12 * time.Second
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		s := newSession(t, "--no-timeouts")
		exchange(t, s.client, s.server)
		steadily(t, beyond, "the silent session lives", func() bool { return state(s.client) == established && state(s.server) == established })
		exchange(t, s.client, s.server)
	})
	data := noise(64 << 20)
	eitherWay(t, freshSmall("--no-timeouts"), func(t *testing.T, _ *proxy, near, far *net.TCPConn) {
		taken, _ := flood(t, near, far, data)
		steadily(t, beyond, "the stalled session lives", func() bool { return state(near) == established && state(far) == established })
		expect(t, far, data[:taken])
	})
}

// Without the idle timeout alone, who pauses is reset after the hang timeout, as the help says.
func TestIdleTimeoutZeroAloneResetsWhoPauses(t *testing.T) {
	t.Parallel()
	data := noise(64 << 20)
	eitherWay(t, freshSmall("--idle-timeout", "0", "--hang-timeout", "1s"), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		_, stalled := flood(t, near, far, data)
		stalled.endedAfter(t, time.Second, "RST at the side that sends", whenIn(t, near, closed, 3*time.Second))
		p.logged(t, 1, "level=WARN", "cause=hung")
	})
}
