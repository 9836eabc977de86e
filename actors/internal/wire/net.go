package wire

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// backlog is how many clients may wait to be accepted; the system lowers it to its own limit.
const backlog = 4096

// Bind makes n listening descriptors for one address, which is taken if anybody else listens there. The unspecified IPv6 address takes IPv4
// clients too. Where the system can share out the clients among several listening sockets, each descriptor is a socket of its own;
// elsewhere they are one socket under several numbers. Close all of them.
func Bind(addr netip.AddrPort, n int) (fds []int, err error) {
	fd, err := bind(addr, false)
	if err != nil {
		return nil, err
	}
	fds = append(fds, fd)
	defer func() {
		if err != nil {
			for _, fd := range fds {
				closeDescriptor(fd)
			}
			fds = nil
		}
	}()
	if n > 1 && canShareOut {
		// The first was bound without this option, so that somebody else's sockets, even if they had it, would have been in the way.
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return fds, err
		}
		addr = netip.AddrPortFrom(addr.Addr(), LocalAddr(fd).Port())
	}
	if err = unix.Listen(fd, backlog); err != nil {
		return fds, err
	}
	for len(fds) < n {
		if canShareOut {
			if fd, err = bind(addr, true); err == nil {
				fds = append(fds, fd)
				err = unix.Listen(fd, backlog)
			}
		} else if fd, err = unix.FcntlInt(uintptr(fds[0]), unix.F_DUPFD_CLOEXEC, 0); err == nil {
			fds = append(fds, fd)
		}
		if err != nil {
			return fds, err
		}
	}
	return fds, nil
}

// bind makes a socket that is bound and does not listen yet. The options that sessions need are set here once: accepted sockets
// inherit them, which saves two system calls a client.
func bind(addr netip.AddrPort, shared bool) (fd int, err error) {
	family, sa := sockaddr(addr)
	fd, err = newSocket(family)
	if err != nil {
		return -1, err
	}
	set := func(level, name, value int) {
		if err == nil {
			err = unix.SetsockoptInt(fd, level, name, value)
		}
	}
	set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if shared {
		set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	set(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	set(unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	if family == unix.AF_INET6 { // an IPv4 address may be written as an IPv6 one, and gets a socket of its own kind
		v6only := 1
		if addr.Addr().IsUnspecified() {
			v6only = 0
		}
		set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, v6only)
	}
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		closeDescriptor(fd)
		return -1, err
	}
	return fd, nil
}

// LocalAddr is the address that a descriptor is bound to.
func LocalAddr(fd int) netip.AddrPort { return localAddr(fd) }

// CloseDescriptor closes a descriptor that no Socket owns.
func CloseDescriptor(fd int) { closeDescriptor(fd) }

// Accept takes one client from the backlog; the descriptor is the caller's. EAGAIN: nobody waits.
func (s *Socket) Accept() (fd int, from netip.AddrPort, errno syscall.Errno) {
	if !s.open {
		return -1, from, syscall.EBADF
	}
	return acceptOne(int(s.fd))
}

// connect makes a socket and starts to connect it, to somebody else than itself: see connectFrom.
func connect(to netip.AddrPort) (fd int, err error) { return connectFrom(newSocket, to) }

// begin starts to connect a new socket.
func begin(socket func(family int) (int, error), to netip.AddrPort) (fd int, err error) {
	family, _ := sockaddr(to)
	fd, err = socket(family)
	if err != nil {
		return -1, err
	}
	// The server's bytes and urgent bytes are passed on as they come, as on the client's side; see Bind.
	_ = setOption(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = setOption(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	if err = connectTo(fd, to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		closeDescriptor(fd)
		return -1, err
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) (family int, sa unix.Sockaddr) {
	if a.Addr().Is4() || a.Addr().Is4In6() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: zone(a.Addr().Zone())}
}

// zone is the number of an IPv6 zone, which may be given as a number or as an interface's name; 0 if there is none.
func zone(name string) uint32 {
	if name == "" {
		return 0
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(name); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// LacksIPv6 reports whether an error of Bind says that the machine has no IPv6.
func LacksIPv6(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

// ResetDescriptor closes the descriptor of a connection with a RST: its peer was promised nothing that it will not get.
func ResetDescriptor(fd int) {
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	closeDescriptor(fd)
}
