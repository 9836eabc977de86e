//go:build linux

package wire

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// fataler is a test, one of the testing package's or one of rapid's.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// patience returns a function for a loop that waits for the kernel: it gives way to others, and fails the test if that goes on far too
// long. No test passes because of it.
func patience(t fataler) func() {
	start := time.Now()
	return func() {
		t.Helper()
		runtime.Gosched()
		if time.Since(start) > 20*time.Second {
			t.Fatal("stuck")
		}
	}
}

// randomBytes is a stream in which no stretch repeats, so that a lost, repeated or misplaced byte shows; the same every time.
func randomBytes(n int) []byte {
	out := make([]byte, n)
	from := rand.NewChaCha8([32]byte{1})
	_, _ = from.Read(out)
	return out
}

// localPair is two connected non-blocking stream sockets. room bounds what the first may send unread; 0 = as the system likes.
func localPair(room int) (a, b int) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err == nil && room != 0 {
		err = unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUF, room)
	}
	if err != nil {
		panic(err)
	}
	return fds[0], fds[1]
}

// bare is an open socket that no loop watches: the test itself plays the events.
func bare(l *Loop, fd int) Socket { return Socket{loop: l, fd: int32(fd), open: true, splices: true} }

// mustSend sends all of p, which must fit.
func mustSend(fd int, p []byte) {
	if n, errno := send(fd, p); errno != 0 || n != len(p) {
		panic(fmt.Sprintf("sent %d of %d bytes: %v", n, len(p), errno))
	}
}

// tcpPair is two ends of a TCP connection, both as the package makes them.
func tcpPair(t fataler) (accepted, dialed int) {
	t.Helper()
	var listening Socket
	fd, err := bindOne("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listening = bare(nil, fd)
	defer closeDescriptor(fd)
	dialed, err = connect(LocalAddr(fd))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := patience(t); ; deadline() {
		if accepted, _, errno := listening.Accept(); errno == 0 {
			return accepted, dialed
		}
	}
}

// narrow makes the way from one end to the other take little at a time.
func narrow(from, to int) {
	if unix.SetsockoptInt(from, unix.SOL_SOCKET, unix.SO_SNDBUF, 8192) != nil ||
		unix.SetsockoptInt(to, unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<10) != nil {
		panic("no room set")
	}
}

// bindOne makes a single listening descriptor.
func bindOne(addr string) (int, error) {
	fds, err := Bind(netip.MustParseAddrPort(addr), 1)
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}
