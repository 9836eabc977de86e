//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcpproxy/test/freeport"
)

// What a peer can see of the other end; see state.
const (
	established = 1 // TCP_ESTABLISHED
	closed      = 7 // TCP_CLOSE: reset, or over in both directions
	finSeen     = 8 // TCP_CLOSE_WAIT
)

// destination is a listening socket behind a proxy.
type destination struct{ *net.TCPListener }

func listen(t *testing.T, addr string) destination { return listenTuned(t, addr, 0) }

// listenTuned listens with small or large (0: the system's) receive buffers.
func listenTuned(t *testing.T, addr string, receiveBuffer int) destination {
	t.Helper()
	config := net.ListenConfig{Control: tuned(receiveBuffer)}
	l, err := config.Listen(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return destination{l.(*net.TCPListener)}
}

// listenAlone listens on a port of host that is nobody's on any other address, and that nobody gets when the destination has stopped.
func listenAlone(t *testing.T, host string) destination {
	t.Helper()
	for range 20 { // another program may take the port first
		l, err := net.Listen("tcp", net.JoinHostPort(host, freeport.For(t)))
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
			return destination{l.(*net.TCPListener)}
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
	t.Fatal("no port could be had")
	return destination{}
}

// accept takes the next connection. It has a deadline, as dialled ones have, so that no test hangs.
func (d destination) accept(t *testing.T) *net.TCPConn {
	t.Helper()
	_ = d.SetDeadline(time.Now().Add(patience))
	c, err := d.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	return adopt(t, c)
}

// stop ends the listening at once. Closing alone would not, while another test is starting a process: that one has a copy of every
// descriptor for a moment.
func (d destination) stop() {
	if raw, err := d.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
	_ = d.Close()
}

func (d destination) host() string { return d.Addr().String() }

func adopt(t *testing.T, c *net.TCPConn) *net.TCPConn {
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(40 * time.Second))
	return c
}

func (p *proxy) dial(t *testing.T) *net.TCPConn { return p.dialTuned(t, 0) }

// dialTuned connects to the proxy with a receive buffer of a certain size (0: the system's).
func (p *proxy) dialTuned(t *testing.T, receiveBuffer int) *net.TCPConn {
	t.Helper()
	dialer := net.Dialer{Timeout: patience, Control: tuned(receiveBuffer)}
	c, err := dialer.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	return adopt(t, c.(*net.TCPConn))
}

// tuned sets a receive buffer before connecting, which bounds the window, and with it segments of an Ethernet: the loopback's own
// are so large that a small window would open in a few big steps.
func tuned(receiveBuffer int) func(_, _ string, raw syscall.RawConn) error {
	return func(_, _ string, raw syscall.RawConn) (err error) {
		if receiveBuffer == 0 {
			return nil
		}
		e := raw.Control(func(fd uintptr) {
			err = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer),
				unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1448))
		})
		return errors.Join(e, err)
	}
}

// smallBuffer makes a peer that stops reading fill up quickly.
const smallBuffer = 8 << 10

// session is a connection through the proxy, seen from both of its ends.
type session struct {
	proxy          *proxy
	client, server *net.TCPConn
}

// connect opens one session through p.
func (p *proxy) connect(t *testing.T, d destination) session {
	t.Helper()
	client := p.dial(t)
	return session{p, client, d.accept(t)}
}

// newSession starts a destination and a proxy of its own, and one session.
func newSession(t *testing.T, flags ...string) session {
	t.Helper()
	d := listen(t, "127.0.0.1:0")
	return startProxy(t, d.host(), flags...).connect(t, d)
}

// newSmallSession is newSession with peers whose receive buffers are small.
func newSmallSession(t *testing.T, flags ...string) session {
	t.Helper()
	d := listenTuned(t, "127.0.0.1:0", smallBuffer)
	p := startProxy(t, d.host(), flags...)
	client := p.dialTuned(t, smallBuffer)
	return session{p, client, d.accept(t)}
}

// eitherWay runs a test twice, in parallel: with near the client and far the server, and the other way round.
func eitherWay(t *testing.T, open func(t *testing.T) session, test func(t *testing.T, p *proxy, near, far *net.TCPConn)) {
	t.Run("client to server", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		test(t, s.proxy, s.client, s.server)
	})
	t.Run("server to client", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		test(t, s.proxy, s.server, s.client)
	})
}

// fresh makes what eitherWay opens: a new session of a proxy with these flags.
func fresh(flags ...string) func(*testing.T) session {
	return func(t *testing.T) session { t.Helper(); return newSession(t, flags...) }
}

// freshSmall is fresh with small receive buffers.
func freshSmall(flags ...string) func(*testing.T) session {
	return func(t *testing.T) session { t.Helper(); return newSmallSession(t, flags...) }
}

// send writes all of data.
func send(t *testing.T, c *net.TCPConn, data []byte) {
	t.Helper()
	if _, err := c.Write(data); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// expect reads exactly data.
func expect(t *testing.T, c *net.TCPConn, data []byte) {
	t.Helper()
	if err := compare(c, data); err != nil {
		t.Fatal(err)
	}
}

// compare reads as many bytes as data holds; they must be the same.
func compare(c *net.TCPConn, data []byte) error {
	piece := make([]byte, min(len(data), 64<<10))
	for read := 0; read < len(data); {
		n, err := c.Read(piece[:min(len(piece), len(data)-read)])
		if !bytes.Equal(piece[:n], data[read:read+n]) {
			return fmt.Errorf("of %d bytes, some from the %dth on differ from those sent", len(data), read)
		}
		if read += n; err != nil && read < len(data) {
			return fmt.Errorf("read %d of %d bytes: %w", read, len(data), err)
		}
	}
	return nil
}

// exchange sends a few bytes each way.
func exchange(t *testing.T, near, far *net.TCPConn) {
	t.Helper()
	send(t, near, []byte("ping"))
	expect(t, far, []byte("ping"))
	send(t, far, []byte("pong"))
	expect(t, near, []byte("pong"))
}

// expectEnd reads the end of the stream: io.EOF after a FIN, nothing before it.
func expectEnd(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("read %d bytes and error %v, want a FIN", n, err)
	}
}

// expectReset reads a RST, nothing before it.
func expectReset(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read %d bytes and error %v, want a RST", n, err)
	}
}

// expectTurnedAway connects, and is reset: so soon, perhaps, that the dialler already hears of it.
func (p *proxy) expectTurnedAway(t *testing.T) {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.addr, patience)
	if err == nil {
		expectReset(t, adopt(t, c.(*net.TCPConn)))
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
}

// reset ends a connection with a RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

func closeWrite(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

// state is where the system sees the connection. Unlike reading, looking at it takes nothing and works for a peer that does not read.
func state(c *net.TCPConn) (s int) {
	onDescriptor(c, func(fd int) {
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			s = int(info.State)
		}
	})
	return s
}

// unsent is how many bytes the other end's system has not acknowledged.
func unsent(c *net.TCPConn) (n int) {
	onDescriptor(c, func(fd int) { n, _ = unix.IoctlGetInt(fd, unix.SIOCOUTQ) })
	return n
}

// unread is how many bytes have arrived that nobody has read.
func unread(c *net.TCPConn) (n int) {
	onDescriptor(c, func(fd int) { n, _ = unix.IoctlGetInt(fd, unix.SIOCINQ) })
	return n
}

func onDescriptor(c *net.TCPConn, f func(fd int)) {
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// delivered waits until the proxy's system has taken everything that c has sent.
func delivered(t *testing.T, c *net.TCPConn) {
	t.Helper()
	eventually(t, patience, "the proxy takes what was sent", func() bool { return unsent(c) == 0 })
}

// whenIn waits until a connection has reached a state, and returns when that was.
func whenIn(t *testing.T, c *net.TCPConn, want int, within time.Duration) time.Time {
	t.Helper()
	eventually(t, within, fmt.Sprintf("the connection's state is %d", want), func() bool { return state(c) == want })
	return time.Now()
}

// stall is what is known of the moment in which bytes ceased to move: the far end had its last one, the near end could still get rid
// of some, which the buffers on the way took. In between the proxy saw the last progress.
type stall struct{ farLast, nearLast time.Time }

// endedAfter fails the test unless something happened so long after the stall had begun.
func (s stall) endedAfter(t *testing.T, want time.Duration, what string, at time.Time) {
	t.Helper()
	if at.Before(s.farLast.Add(want-slack)) || at.After(s.nearLast.Add(want+late)) {
		t.Errorf("%s %v after the last byte arrived and %v after the last was taken, want %v −%v +%v", what,
			at.Sub(s.farLast).Round(time.Millisecond), at.Sub(s.nearLast).Round(time.Millisecond), want, slack, late)
	}
}

// flood writes until nothing is taken any more, since the far end does not read. It returns how much was taken.
func flood(t *testing.T, near, far *net.TCPConn, data []byte) (taken int, s stall) {
	t.Helper()
	defer func() { _ = near.SetDeadline(time.Now().Add(40 * time.Second)) }()
	s = stall{time.Now(), time.Now()}
	arrived := 0
	for time.Since(s.nearLast) < 400*time.Millisecond {
		_ = near.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		n, err := near.Write(data[taken:min(len(data), taken+16<<10)])
		if err != nil && !isTimeout(err) {
			t.Fatalf("write: %v", err)
		}
		if taken += n; n > 0 {
			s.nearLast = time.Now()
		}
		if taken == len(data) {
			t.Fatalf("all %d bytes were taken, although nobody reads them", taken)
		}
		if n := unread(far); n != arrived {
			arrived, s.farLast = n, time.Now()
		}
	}
	return taken, s
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// noise is data that is unlike any other part of itself. It is the same every time, and not to be written to.
func noise(n int) []byte { return allNoise()[:n:n] }

var allNoise = sync.OnceValue(func() []byte {
	data := make([]byte, 64<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(data)
	return data
})

// expectAny reads as many bytes as into holds.
func expectAny(t *testing.T, c *net.TCPConn, into []byte) {
	t.Helper()
	if n, err := io.ReadFull(c, into); err != nil {
		t.Fatalf("read %d of %d bytes: %v", n, len(into), err)
	}
}

// asConn makes a connection of a descriptor, which it takes.
func asConn(t *testing.T, fd int) *net.TCPConn {
	t.Helper()
	file := os.NewFile(uintptr(fd), "accepted")
	defer func() { _ = file.Close() }()
	c, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return adopt(t, c.(*net.TCPConn))
}

// echo serves every connection to a destination, until it is closed, by sending back what comes.
func echo(d destination) {
	_ = d.SetDeadline(time.Time{})
	for {
		c, err := d.AcceptTCP()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}()
	}
}
