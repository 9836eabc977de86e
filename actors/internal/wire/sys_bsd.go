//go:build darwin || freebsd

package wire

import (
	"errors"
	"net/netip"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The portable wrappers are used throughout: on darwin, system calls must go through libSystem.

func recv(fd int, p []byte) (int, syscall.Errno) { return retried(unix.Read, fd, p) }
func send(fd int, p []byte) (int, syscall.Errno) { return retried(unix.Write, fd, p) }

func retried(call func(int, []byte) (int, error), fd int, p []byte) (int, syscall.Errno) {
	for {
		n, err := call(fd, p)
		if err == nil {
			return n, 0
		}
		if errno := number(err); errno != unix.EINTR {
			return 0, errno
		}
	}
}

// number is the error number inside an error of the unix package.
func number(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EIO
}

func closeDescriptor(fd int) { _ = unix.Close(fd) }

func newSocket(family int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err != nil {
		return -1, err
	}
	return fd, prepare(fd)
}

// prepare makes a new descriptor non-blocking and closed on exec, or closes it.
func prepare(fd int) error {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return err
	}
	return nil
}

func acceptOne(fd int) (int, netip.AddrPort, syscall.Errno) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, from, err := unix.Accept(fd)
	if err == nil {
		err = prepare(n)
	}
	if err != nil {
		return -1, netip.AddrPort{}, number(err)
	}
	return n, addrPort(from), 0
}

func localAddr(fd int) netip.AddrPort {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		a := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 && a.Is6() {
			a = a.WithZone(strconv.Itoa(int(sa.ZoneId)))
		}
		return netip.AddrPortFrom(a, uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// sourcePortRange says nothing: every port may be a source port, and one more system call a connection is cheap enough here.
func sourcePortRange() string { return "" }

func setOption(fd, level, name, value int) error { return unix.SetsockoptInt(fd, level, name, value) }

// connectTo starts to connect; on a non-blocking socket it returns EINPROGRESS.
func connectTo(fd int, to netip.AddrPort) error {
	_, sa := sockaddr(to)
	return unix.Connect(fd, sa)
}

func shutdownWrite(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

// Splicing exists on Linux only; flows here use buffers alone.
const canSplice = false

func splice(_, _, _ int) (int, syscall.Errno) { return 0, syscall.ENOSYS }

func newPipe() (r, w int, err error) { return -1, -1, syscall.ENOSYS }

// canShareOut: the system shares out new clients among several sockets that listen on one port (SO_REUSEPORT).
const canShareOut = false

// Inherit is for Linux only: nothing can be inherited here.
func Inherit() {}

func vacate([]Chunk) {}
