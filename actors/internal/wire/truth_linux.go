package wire

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// States of a connection, from linux/tcp_states.h.
const (
	tcpEstablished = 1 + iota
	tcpSynSent
	tcpSynRecv
	tcpFinWait1
	tcpFinWait2
	tcpTimeWait
	tcpClose
	tcpCloseWait
	tcpLastAck
	tcpListen
	tcpClosing
)

// mostAsked is how often Ask looks before it gives up. It never does: while nobody reads or writes, only so much can arrive as there is
// room for, and only so much be acknowledged as was sent, and two looks within a microsecond or two seldom have either in between.
const mostAsked = 1 << 16

// Ask asks the system what it knows of a TCP connection. Nobody else may be reading, writing or ending it meanwhile; its peer may do what
// it likes. opener is whether we dialled. Urgent data must be taken in line, as all sockets of this package do. Of a connection that came
// with TCP Fast Open and whose handshake is not done, all that can be said is that it is Connecting: its counts are not told yet.
//
// What the system counts is this. It counts sequence numbers, of which a FIN takes one, and a dialler's SYN one:
//
//	received (TCP_INFO) = taken + waiting to be read + the peer's FIN
//	acknowledged (TCP_INFO) + queued for sending (SIOCOUTQ) = the dialler's SYN + given + our FIN
//
// A FIN that is the only thing to be read is not in SIOCINQ, nor is one behind bytes; and a FIN that was read counts as read. A reset takes
// nothing back: what was in the queue for sending is gone, but counted ever after.
//
// The state tells which FINs are there, except TCP_CLOSE: see finArrived and finQueued.
func Ask(fd int, opener bool) (Truth, error) {
	var a answer
	if err := a.ask(fd); err != nil {
		return Truth{}, err
	}
	t := Truth{
		Connecting: a.state == tcpSynSent || a.state == tcpSynRecv,
		Closed:     a.state == tcpClose,
		FinIn:      finIn(a.state),
		FinOut:     finOut(a.state),
		Unread:     a.inq,
	}
	if !t.Connecting {
		t.Taken, t.Given = a.received-uint64(a.inq), a.acked+uint64(a.outq)
		if opener && t.Given > 0 { // 0: it was never dialled
			t.Given--
		}
	}
	if t.Closed {
		known := false
		t.FinIn, known = finArrived(fd, a.inq)
		t.TakenUnsure = !known
		t.FinOut, known = a.finQueued(t.Given)
		t.GivenUnsure = !known
	}
	if t.FinIn {
		t.Taken--
	}
	if t.FinOut {
		t.Given--
	}
	t.Failing = hasError(fd)
	return t, nil
}

// finIn and finOut are whether a state says that a FIN has come, and that one of ours is queued, sent or acknowledged.
func finIn(state uint8) bool {
	return state == tcpCloseWait || state == tcpLastAck || state == tcpClosing || state == tcpTimeWait
}

func finOut(state uint8) bool {
	return state == tcpFinWait1 || state == tcpFinWait2 || state == tcpLastAck || state == tcpClosing || state == tcpTimeWait
}

// answer is what the system says of a connection, all as of one moment.
type answer struct {
	state           uint8
	inq, outq       int
	received, acked uint64
	sent, unsent    uint64 // bytes, without SYN and FIN, that were sent for the first time; bytes and FIN that never were
}

// ask looks twice at the counters, with the queues in between, until they are the same: then nothing came or was acknowledged meanwhile, a
// FIN included, and the queues belong to them. So does the state of the second look: the system reads it before the counters, and without
// their lock, but after those of the first.
func (a *answer) ask(fd int) error {
	var info [2]unix.TCPInfo
	if err := tcpInfo(fd, &info[0]); err != nil {
		return err
	}
	for i := range mostAsked {
		before, after := &info[i&1], &info[1-i&1]
		var err error
		if a.inq, err = amount(fd, unix.SIOCINQ); err != nil {
			return err // it listens
		}
		if a.outq, err = amount(fd, unix.SIOCOUTQ); err != nil {
			return err
		}
		if err = tcpInfo(fd, after); err != nil {
			return err
		}
		if before.Bytes_received == after.Bytes_received && before.Bytes_acked == after.Bytes_acked {
			a.state, a.received, a.acked = after.State, after.Bytes_received, after.Bytes_acked
			a.sent, a.unsent = after.Bytes_sent-after.Bytes_retrans, uint64(after.Notsent_bytes)
			return nil
		}
	}
	return syscall.ETIMEDOUT
}

// finQueued infers whether our FIN was queued before a connection came to its end, from how much was queued: with the FIN that is one more
// than all the bytes sent, which are counted without FINs.
//
// A FIN that never went out, behind bytes that never did, is not to be told from a byte. Nor is anything if the counts disagree, which
// happens where the machine itself failed to send (a full queue at the interface): such bytes count as sent twice.
func (a *answer) finQueued(queued uint64) (fin, known bool) {
	if a.unsent != 0 {
		return false, false
	}
	fin = queued == a.sent+1
	return fin, fin || queued == a.sent
}

// finArrived finds out whether the peer's FIN arrived before a connection came to its end, without taking away bytes, or an error.
func finArrived(fd, unread int) (fin, known bool) {
	if unread > 0 {
		return finBehind(fd, unread)
	}
	if fin, known = finAlone(fd, 0); known {
		return fin, known
	}
	return finMapped(fd)
}

// finMapped is finAlone for Linux before 5.11, which looks only if the socket is mapped into memory.
func finMapped(fd int) (fin, known bool) {
	page, err := unix.Mmap(fd, 0, syscall.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return false, false
	}
	defer func() { _ = unix.Munmap(page) }()
	return finAlone(fd, uintptr(unsafe.Pointer(unsafe.SliceData(page))))
}

// finAlone finds out about a FIN when no byte is unread: asked to lay bytes into a mapping, none at all, the system says EIO if there will
// never be any, because the stream has ended; a pending error it leaves alone. (A read with MSG_PEEK would take the error away.)
func finAlone(fd int, at uintptr) (fin, known bool) {
	var ask struct { // the part of struct tcp_zerocopy_receive that has been there from the start
		address      uint64
		length, hint uint32
	}
	ask.address = uint64(at)
	size := uint32(unsafe.Sizeof(ask))
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_ZEROCOPY_RECEIVE,
		uintptr(unsafe.Pointer(&ask)), uintptr(unsafe.Pointer(&size)), 0)
	return errno == unix.EIO, errno == unix.EIO || errno == 0
}

// finBehind finds out about a FIN behind bytes that are unread: the hint how much there is to read, which comes with a read if one asks for
// it, counts it; SIOCINQ does not.
func finBehind(fd, unread int) (fin, known bool) {
	if setOption(fd, unix.IPPROTO_TCP, unix.TCP_INQ, 1) != nil {
		return false, false
	}
	defer func() { _ = setOption(fd, unix.IPPROTO_TCP, unix.TCP_INQ, 0) }()
	var one [1]byte
	var control [64]byte
	n, size, _, _, err := unix.Recvmsg(fd, one[:], control[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	for err == unix.EINTR || err == unix.EAGAIN { // bytes are there; a signal came while urgent data were next
		n, size, _, _, err = unix.Recvmsg(fd, one[:], control[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	}
	if err != nil || n != 1 {
		return false, false
	}
	parts, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil {
		return false, false
	}
	for _, p := range parts {
		if p.Header.Level == unix.IPPROTO_TCP && p.Header.Type == unix.TCP_CM_INQ && len(p.Data) >= 4 {
			hint := int(*(*int32)(unsafe.Pointer(&p.Data[0])))
			return hint == unread+1, hint == unread || hint == unread+1
		}
	}
	return false, false
}

// tcpInfo fails if the descriptor is no TCP socket, or the system too old to count what is needed.
func tcpInfo(fd int, into *unix.TCPInfo) error {
	size := uint32(unsafe.Sizeof(*into))
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(into)), uintptr(unsafe.Pointer(&size)), 0)
	if errno == 0 && uintptr(size) < unsafe.Offsetof(into.Dsack_dups) {
		return syscall.ENOSYS
	}
	return failure(errno)
}

// amount asks how much waits in a descriptor.
func amount(fd int, which uint) (int, error) {
	var n int32
	_, _, errno := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(fd), uintptr(which), uintptr(unsafe.Pointer(&n)))
	return int(n), failure(errno)
}

func hasError(fd int) bool {
	ask := unix.PollFd{Fd: int32(fd)}
	var now unix.Timespec
	for {
		_, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&ask)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
		if errno != unix.EINTR {
			return errno == 0 && ask.Revents&unix.POLLERR != 0
		}
	}
}

// PipeHolds is how many bytes wait in a pipe; an error if the descriptor is not one.
func PipeHolds(fd int) (int, error) {
	var what unix.Stat_t
	if err := unix.Fstat(fd, &what); err != nil {
		return 0, err
	}
	if what.Mode&unix.S_IFMT != unix.S_IFIFO {
		return 0, syscall.ESPIPE
	}
	return amount(fd, unix.TIOCINQ)
}

// IsConnected tells whether a descriptor is a TCP connection, or what was one until it failed or ended in both directions, and who was
// connected. A socket that is still connecting is none; one whose connecting failed is taken for one that ended.
func IsConnected(fd int) (local, peer netip.AddrPort, ok bool) {
	var info unix.TCPInfo
	if tcpInfo(fd, &info) != nil || info.State == tcpListen || info.State == tcpSynSent {
		return local, peer, false
	}
	local, peer = localAddr(fd), peerName(fd)
	return local, peer, local.IsValid() && peer.IsValid()
}

// IsPeer tells whether a descriptor is a socket that is connected with that peer, or was until the connection ended. Zones do not count,
// which may be names or numbers, and an IPv4 address is the same as the IPv6 one that stands for it.
func IsPeer(fd int, peer netip.AddrPort) bool {
	is := peerName(fd)
	return is.IsValid() && is.Port() == peer.Port() && is.Addr().Unmap().WithZone("") == peer.Addr().Unmap().WithZone("")
}

// peerName is who a socket is or was connected to. Of a connection that has ended getpeername knows nobody; this option does, if it is
// asked for no more bytes than an address of the socket's family has.
func peerName(fd int) netip.AddrPort {
	var addr unix.RawSockaddrAny
	for _, size := range [...]uint32{unix.SizeofSockaddrInet6, unix.SizeofSockaddrInet4} {
		_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERNAME,
			uintptr(unsafe.Pointer(&addr)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 {
			return rawAddrPort(&addr)
		}
	}
	return netip.AddrPort{}
}

// IsListening tells whether a descriptor is a listening TCP socket.
func IsListening(fd int) bool {
	var info unix.TCPInfo
	return tcpInfo(fd, &info) == nil && info.State == tcpListen
}
