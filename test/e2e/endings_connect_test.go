//go:build linux

package e2e

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcpproxy/test/freeport"
)

// Nobody listens at the destination any more: new clients are reset at once, with one line that says why; the session that was there
// before does not notice.
func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	d := listenAlone(t, "127.0.0.1")
	p := startProxy(t, d.host())
	before := p.connect(t, d)
	d.stop()

	began := time.Now()
	p.expectTurnedAway(t)
	if took := time.Since(began); took > time.Second {
		t.Errorf("the client was reset after %v", took)
	}
	p.logged(t, 1, "level=WARN", "session=2", "cause=refused", d.host())
	exchange(t, before.client, before.server)
	p.restsAt(t, 3)
}

// A destination that is down now and up later works later.
func TestDestinationThatComesUpLater(t *testing.T) {
	t.Parallel()
	port := freeport.For(t)
	p := startProxy(t, "localhost:"+port) // by name: that the look-up was of no use must not stick
	p.expectTurnedAway(t)
	d := listen(t, "127.0.0.1:"+port)
	s := p.connect(t, d)
	exchange(t, s.client, s.server)
}

// This name needs no name server to be wrong.
func TestUnresolvableName(t *testing.T) {
	t.Parallel()
	p := startProxy(t, "no..such.name:80", "--connect-timeout", "5s")
	for n := 1; n <= 2; n++ { // a failed look-up is asked again
		began := time.Now()
		p.expectTurnedAway(t)
		if took := time.Since(began); took > time.Second {
			t.Errorf("the client was reset after %v", took)
		}
		p.logged(t, n, "level=WARN", "cause=unresolved", "no..such.name")
	}
	p.restsAt(t, 1)
}

// A destination that does not answer at all is given up after the default of 10 seconds.
func TestConnectTimeoutOfTenSeconds(t *testing.T) { testConnectTimeout(t, 10*time.Second) }

func TestConnectTimeoutFromFlag(t *testing.T) {
	testConnectTimeout(t, time.Second, "--connect-timeout", "1s")
}

func testConnectTimeout(t *testing.T, limit time.Duration, flags ...string) {
	t.Parallel()
	p := startProxy(t, blackHole(t), flags...)
	client := p.dial(t)
	began := time.Now()
	send(t, client, []byte("anybody there?")) // must not count as life
	around(t, "RST at the client", whenIn(t, client, closed, limit+2*time.Second).Sub(began), limit)
	p.logged(t, 1, "level=WARN", "cause=connect-timeout")
	p.restsAt(t, 1)
}

// A client that does not wait for the answer leaves nothing behind, and nobody to be warned about.
func TestClientLeavesWhileConnecting(t *testing.T) {
	t.Parallel()
	p := startProxy(t, blackHole(t))
	client := p.dial(t)
	p.restsAt(t, 3)
	reset(client)
	p.restsAt(t, 1)
	for _, line := range p.logged(t, 1, "session closed", "cause=client-reset") {
		if !strings.Contains(line, "level=DEBUG") {
			t.Errorf("the log makes too much of it: %s", line)
		}
	}
}

// What a client says before the destination has answered is delivered when it has, and so is the client's FIN.
func TestBytesBeforeTheDestinationAnswers(t *testing.T) {
	t.Parallel()
	fd, addr := deafListener(t, anyLoopbackPort)
	fillers := fill(t, addr)
	p := startProxy(t, addr)
	client := p.dial(t)
	send(t, client, []byte("early"))
	closeWrite(t, client)
	p.restsAt(t, 3)
	server := acceptAfter(t, fd, fillers)
	expect(t, server, []byte("early"))
	expectEnd(t, server)
	send(t, server, []byte("late"))
	expect(t, client, []byte("late"))
}

// A destination may have answered and reset before the proxy finds out that it has accepted. Its answer is delivered all the same.
func TestDestinationAnswersAndResetsAtOnce(t *testing.T) {
	t.Parallel()
	fd, addr := deafListener(t, anyLoopbackPort)
	fillers := fill(t, addr)
	p := startProxy(t, addr)
	client := p.dial(t)
	p.restsAt(t, 3)
	p.signal(syscall.SIGSTOP) // it must not notice one thing before the other has happened
	server := acceptAfter(t, fd, fillers)
	send(t, server, []byte("go away"))
	delivered(t, server)
	reset(server)
	p.signal(syscall.SIGCONT)
	expect(t, client, []byte("go away"))
	expectReset(t, client)
	p.restsAt(t, 1)
}

// acceptAfter makes room in a full queue and accepts the one who comes next: the system tries again a second later or two.
func acceptAfter(t *testing.T, fd int, fillers []net.Conn) *net.TCPConn {
	t.Helper()
	for range fillers {
		_ = unix.Close(acceptOne(t, fd))
	}
	return asConn(t, acceptOne(t, fd))
}

func acceptOne(t *testing.T, fd int) int {
	t.Helper()
	for {
		accepted, _, err := unix.Accept(fd)
		if err == nil {
			return accepted
		}
		if !errors.Is(err, unix.EINTR) { // the Go runtime sends its threads signals
			t.Fatal(err)
		}
	}
}

var anyLoopbackPort = netip.MustParseAddrPort("127.0.0.1:0")

// blackHole is an address where connecting gets no answer: there is a listener, and its queue is full.
func blackHole(t *testing.T) string {
	t.Helper()
	_, addr := deafListener(t, anyLoopbackPort)
	fill(t, addr)
	return addr
}

// deafListener listens with the shortest possible queue, and does not accept.
func deafListener(t *testing.T, on netip.AddrPort) (fd int, addr string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: on.Addr().As4(), Port: int(on.Port())}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}) // accepting must not last for ever
	return fd, netip.AddrPortFrom(on.Addr(), uint16(sa.(*unix.SockaddrInet4).Port)).String()
}

// fill connects to a listener until its queue takes no more.
func fill(t *testing.T, addr string) (fillers []net.Conn) {
	t.Helper()
	for range 10 {
		c, err := net.DialTimeout("tcp", addr, 300*time.Millisecond)
		if err != nil {
			return fillers
		}
		t.Cleanup(func() { _ = c.Close() })
		fillers = append(fillers, c)
	}
	t.Fatal("the queue is never full")
	return nil
}
