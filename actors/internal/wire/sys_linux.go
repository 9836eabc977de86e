package wire

import (
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls here are raw: on non-blocking descriptors none of them can wait, so the Go scheduler need not be told, which
// costs as much as a small read.

func recv(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

func send(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// splice moves up to n bytes between a pipe and a socket without copying them to us.
func splice(from, to, n int) (int, syscall.Errno) {
	for {
		m, _, errno := syscall.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0,
			uintptr(n), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if errno == 0 {
			return int(m), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

func closeDescriptor(fd int) { _, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

func unread(fd int) int { return queued(fd, unix.SIOCINQ) }

// unsent: the system goes on counting what a connection that is dead will never send, for instance after a reset that came when both
// directions had ended. Nobody should wait for that.
func unsent(fd int) int {
	n := queued(fd, unix.SIOCOUTQ)
	if n > 0 {
		const closed = 7 // TCP_CLOSE in linux/tcp_states.h
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && info.State == closed {
			return 0
		}
	}
	return n
}

func queued(fd int, which uint) int {
	var n int32
	if _, _, errno := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(fd), uintptr(which), uintptr(unsafe.Pointer(&n))); errno != 0 {
		return 0
	}
	return int(n)
}

func newSocket(family int) (int, error) {
	fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, uintptr(family),
		unix.SOCK_STREAM|unix.SOCK_NONBLOCK|uintptr(closeOnExec), unix.IPPROTO_TCP)
	return int(fd), failure(errno)
}

func setOption(fd, level, name, value int) error {
	v := int32(value)
	_, _, errno := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&v)), unsafe.Sizeof(v), 0)
	return failure(errno)
}

// connectTo starts to connect; on a non-blocking socket it returns EINPROGRESS.
func connectTo(fd int, to netip.AddrPort) error {
	if a := to.Addr(); a.Is4() || a.Is4In6() {
		sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder(to.Port()), Addr: a.As4()}
		_, _, errno := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
		return failure(errno)
	}
	sa := unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(to.Port()), Addr: to.Addr().As16(), Scope_id: zone(to.Addr().Zone())}
	_, _, errno := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	return failure(errno)
}

func shutdownWrite(fd int) {
	_, _, _ = syscall.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
}

// failure is an error number as an error.
func failure(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// closeOnExec is how sockets and pipes are made: a program that this one executes does not get them, unless it is to be its successor.
// (O_CLOEXEC and SOCK_CLOEXEC are one number on Linux.)
var closeOnExec = unix.O_CLOEXEC

// Inherit has all sockets and pipes that are made from now on live on in the program that this process executes last of all. Before the
// first is made.
func Inherit() { closeOnExec = 0 }

// vacate gives the memory of chunks back to the system: they are all zeros afterwards.
func vacate(chunks []Chunk) {
	if len(chunks) > 0 {
		_ = unix.Madvise(unsafe.Slice(&chunks[0][0], len(chunks)*bufferSize), unix.MADV_REMOVE)
	}
}

const canSplice = true

func newPipe() (r, w int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|closeOnExec); err != nil {
		return -1, -1, err
	}
	// More room is worth having and not worth failing for: without it, a pipe holds 64 KiB.
	_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize)
	return fds[0], fds[1], nil
}

// acceptOne accepts raw: the unix package's wrapper asks the new socket for its protocol, a system call that a TCP proxy can spare.
func acceptOne(fd int) (int, netip.AddrPort, syscall.Errno) {
	var from unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	n, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|uintptr(closeOnExec), 0, 0)
	if errno != 0 {
		return -1, netip.AddrPort{}, errno
	}
	return int(n), rawAddrPort(&from), 0
}

// localAddr asks raw, since it is asked for many connections: the unix package's wrapper allocates.
func localAddr(fd int) netip.AddrPort {
	var addr unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	_, _, errno := syscall.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&addr)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return netip.AddrPort{}
	}
	return rawAddrPort(&addr)
}

// sourcePortRange is how the system writes the range of source ports; it holds for IPv6, too.
func sourcePortRange() string {
	text, _ := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	return string(text)
}

func rawAddrPort(from *unix.RawSockaddrAny) netip.AddrPort {
	switch from.Addr.Family {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(from))
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), networkOrder(sa.Port))
	case unix.AF_INET6:
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(from))
		a := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.Scope_id != 0 && a.Is6() {
			a = a.WithZone(strconv.Itoa(int(sa.Scope_id)))
		}
		return netip.AddrPortFrom(a, networkOrder(sa.Port))
	}
	return netip.AddrPort{}
}

// networkOrder turns a port to the order of bytes of the network, or back.
func networkOrder(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}

// canShareOut: the system shares out new clients among several sockets that listen on one port (SO_REUSEPORT).
const canShareOut = true

// isPipe reports whether two descriptors are the reading and the writing end of one pipe.
func isPipe(r, w int) bool {
	var reads, writes unix.Stat_t
	if unix.Fstat(r, &reads) != nil || unix.Fstat(w, &writes) != nil || reads.Mode&unix.S_IFMT != unix.S_IFIFO {
		return false
	}
	flags, err := unix.FcntlInt(uintptr(w), unix.F_GETFL, 0)
	return reads.Dev == writes.Dev && reads.Ino == writes.Ino && err == nil && flags&unix.O_ACCMODE == unix.O_WRONLY
}
