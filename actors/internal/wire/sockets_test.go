//go:build linux

package wire

import (
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

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
