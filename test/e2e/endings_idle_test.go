//go:build linux

package e2e

import (
	"net"
	"testing"
	"time"
)

// Without any flag a silent session ends after the 10 seconds that the assignment asks for, with a FIN on both sides.
func TestIdleSessionEndsAfterTenSeconds(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	exchange(t, s.client, s.server)
	quiet := time.Now()
	around(t, "FIN at the client", whenIn(t, s.client, finSeen, 12*time.Second).Sub(quiet), 10*time.Second)
	around(t, "FIN at the server", whenIn(t, s.server, finSeen, 12*time.Second).Sub(quiet), 10*time.Second)
	expectEnd(t, s.client)
	expectEnd(t, s.server)
	s.proxy.restsAt(t, 1)
	s.proxy.logged(t, 1, "cause=idle")
}

// A session that never carried a byte is idle from its beginning.
func TestIdleFromTheBeginning(t *testing.T) {
	t.Parallel()
	s := newSession(t, "--idle-timeout", "1s")
	opened := time.Now()
	around(t, "FIN at the client", whenIn(t, s.client, finSeen, 3*time.Second).Sub(opened), time.Second)
	expectEnd(t, s.client)
	expectEnd(t, s.server)
}

// Bytes in one direction keep a session alive; the time counts from the last one.
func TestIdleCountsFromTheLastByte(t *testing.T) {
	t.Parallel()
	eitherWay(t, fresh("--idle-timeout", "1s"), func(t *testing.T, _ *proxy, near, far *net.TCPConn) {
		var last time.Time
		for range 6 {
			send(t, near, []byte("."))
			last = time.Now()
			expect(t, far, []byte("."))
			steadily(t, 600*time.Millisecond, "the session lives between two bytes", func() bool { return state(near) == established })
		}
		around(t, "FIN", whenIn(t, far, finSeen, 3*time.Second).Sub(last), time.Second)
		expectEnd(t, near)
		expectEnd(t, far)
	})
}

func TestIdleTimeoutZeroIsNever(t *testing.T) {
	t.Parallel()
	s := newSession(t, "--idle-timeout", "0", "--hang-timeout", "1s")
	exchange(t, s.client, s.server)
	steadily(t, 4*time.Second, "a silent session lives", func() bool {
		return state(s.client) == established && state(s.server) == established
	})
	exchange(t, s.client, s.server)
}

// A peer that closed its half and a peer that never answers must not hold a session for ever.
func TestHalfClosedSessionIsBoundedByIdleTimeout(t *testing.T) {
	t.Parallel()
	eitherWay(t, fresh("--idle-timeout", "1s"), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		send(t, near, []byte("anybody there?"))
		closeWrite(t, near)
		quiet := time.Now()
		expect(t, far, []byte("anybody there?"))
		expectEnd(t, far)
		expectEnd(t, near)
		around(t, "FIN", time.Since(quiet), time.Second)
		p.restsAt(t, 1)
	})
}

// A half-closed session whose other direction is at work is not idle.
func TestHalfClosedSessionLivesWhileBytesMove(t *testing.T) {
	t.Parallel()
	eitherWay(t, fresh("--idle-timeout", "1s"), func(t *testing.T, _ *proxy, near, far *net.TCPConn) {
		closeWrite(t, near)
		expectEnd(t, far)
		for range 5 {
			steadily(t, 600*time.Millisecond, "the session lives", func() bool { return state(near) != closed && state(far) == finSeen })
			send(t, far, []byte("."))
			expect(t, near, []byte("."))
		}
		_ = far.Close()
		expectEnd(t, near)
	})
}
