package wire

import (
	"net/netip"
	"syscall"
)

// Event tells what a socket became ready for. Several may come at once.
type Event uint8

const (
	// Readable: bytes, the end of the stream or an error wait to be read.
	Readable Event = 1 << iota
	// Writable: there is space again, or writing will tell an error.
	Writable
	// Unusual: something besides plain bytes is under way: a FIN, urgent data, an error.
	Unusual
	// Broken: the connection failed, or both its directions ended.
	Broken
)

// Handler is told of a socket's events, on the loop's goroutine. It must not block and must not panic.
type Handler interface{ Ready(Event) }

// Socket is a non-blocking TCP descriptor that a Loop watches from Open to Close. It has one owner, who opens and closes it; readers
// and writers borrow it. All methods on the loop's goroutine. The zero Socket is closed.
type Socket struct {
	loop    *Loop
	handler Handler
	fd      int32
	slot    int32
	failed  errnum // the first error that reading met; see Read
	refused errnum // the first error that writing met
	open    bool
	broken  bool // see IsBroken
	wary    bool // a short read is no proof that the socket is dry; see Read
	splices bool // bytes may go through a pipe: that stops for good at urgent data
}

// errnum is a syscall.Errno in a quarter of the room: a session has four.
type errnum uint16

// Open takes ownership of fd and has the loop watch it for h. On an error fd is closed.
func (s *Socket) Open(l *Loop, fd int, h Handler) error {
	*s = Socket{loop: l, fd: int32(fd), handler: h, open: true, splices: true}
	if err := l.watch(s); err != nil {
		s.open = false
		closeDescriptor(fd)
		return err
	}
	return nil
}

// IsOpen reports whether the socket has been opened and not closed since.
func (s *Socket) IsOpen() bool { return s.open }

// Descriptor is the socket's number, while it is open.
func (s *Socket) Descriptor() int { return int(s.fd) }

// IsBroken reports whether the loop has seen the connection fail, or both its directions end.
func (s *Socket) IsBroken() bool { return s.broken }

// Move hands the descriptor over to another Socket and another handler. s is closed afterwards, as far as it is concerned.
func (s *Socket) Move(to *Socket, h Handler) {
	*to = *s
	to.handler = h
	to.loop.slots[to.slot].socket = to
	s.open = false
}

func (s *Socket) ready(e Event) {
	s.broken = s.broken || e&Broken != 0
	if e&Unusual != 0 {
		s.wary, s.splices = true, false
	}
	s.handler.Ready(e)
}

// Read reads once. n = 0 without an error is the end of the stream.
//
// The system tells an error once and claims an orderly end of stream from then on. So the first error is kept and told every time:
// whoever is killed between reading it and acting on it finds it again.
func (s *Socket) Read(p []byte) (n int, errno syscall.Errno) {
	if !s.open {
		return 0, syscall.EBADF
	}
	if s.failed != 0 {
		return 0, syscall.Errno(s.failed)
	}
	n, errno = recv(int(s.fd), p)
	if errno != 0 && errno != syscall.EAGAIN {
		s.failed = errnum(errno)
	}
	return n, errno
}

// drained reports whether a read that asked for want bytes and got n took all there was. That holds for plain bytes (whatever comes
// later is a new edge), but a read also stops short at urgent data, and a FIN that was told together with the bytes is not told
// again; so a socket that has shown either is read until it says that it is dry.
func (s *Socket) drained(n, want int) bool { return n < want && !s.wary }

// Failure is the error that reading met, 0 if none.
func (s *Socket) Failure() syscall.Errno { return syscall.Errno(s.failed) }

// Write writes once; fewer than all bytes means that there is no more space. The first error is kept and told every time, as in Read.
func (s *Socket) Write(p []byte) (n int, errno syscall.Errno) {
	if errno := s.unwritable(); errno != 0 {
		return 0, errno
	}
	n, errno = send(int(s.fd), p)
	return n, s.wrote(errno)
}

// writePipe is Write from a pipe that holds n bytes.
func (s *Socket) writePipe(from, n int) (int, syscall.Errno) {
	if errno := s.unwritable(); errno != 0 {
		return 0, errno
	}
	n, errno := splice(from, int(s.fd), n)
	return n, s.wrote(errno)
}

func (s *Socket) unwritable() syscall.Errno {
	if !s.open {
		return syscall.EBADF
	}
	return syscall.Errno(s.refused)
}

func (s *Socket) wrote(errno syscall.Errno) syscall.Errno {
	if errno != 0 && errno != syscall.EAGAIN {
		s.refused = errnum(errno)
	}
	return errno
}

// ShutdownWrite sends a FIN after what has been written. An error means that the connection is gone already, and is told by reading.
func (s *Socket) ShutdownWrite() { shutdownWrite(int(s.fd)) }

// Close closes the socket: a FIN goes out after what has been written, unless unread bytes wait; then the system resets.
func (s *Socket) Close() {
	if s.open {
		s.open = false
		s.loop.forget(s)
		closeDescriptor(int(s.fd))
	}
}

// Reset closes the socket with a RST; what was written but not yet acknowledged is discarded.
func (s *Socket) Reset() {
	if s.open {
		_ = syscall.SetsockoptLinger(int(s.fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		s.Close()
	}
}

// Unread is how many bytes wait in the system to be read, or 0 if it does not say.
func (s *Socket) Unread() int {
	if !s.open {
		return 0
	}
	return unread(int(s.fd))
}

// Unsent is how many bytes (a FIN counts as one) the system holds that the peer has not acknowledged, or 0 if it does not say. It
// falls as the peer takes bytes, long before the socket turns writable again.
func (s *Socket) Unsent() int {
	if !s.open {
		return 0
	}
	return unsent(int(s.fd))
}

// KeepAlive has the system probe a silent peer, so that one that vanished is noticed some day.
func (s *Socket) KeepAlive() {
	_ = syscall.SetsockoptInt(int(s.fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
}

// Dial opens the socket and starts to connect it. When h is told Writable, ConnectError says how it went. A connection never meets
// itself: where nobody listens, it is refused.
func (s *Socket) Dial(l *Loop, to netip.AddrPort, h Handler) error {
	fd, err := connect(to)
	if err != nil {
		return err
	}
	return s.Open(l, fd, h)
}

// ConnectError is how connecting ended; nil is success. An event without an error is a success, which saves asking. So
// is one with bytes to read: the peer accepted, answered and reset. Asking would take the error away from reading, which tells it after
// the bytes.
func (s *Socket) ConnectError() error {
	if !s.broken || s.Unread() > 0 {
		return nil
	}
	v, err := syscall.GetsockoptInt(int(s.fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && v != 0 {
		err = syscall.Errno(v)
	}
	return err
}
