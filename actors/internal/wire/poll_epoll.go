//go:build linux

package wire

import (
	"encoding/binary"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller is epoll. Each descriptor is added once, edge-triggered, for everything it may ever tell, and leaves when it is closed:
// one system call per socket. Not asking for write readiness would cost a second one at the first short write, and asking costs
// nothing: the kernel tells of space only after a write fell short.
type poller struct {
	epfd   int
	wakefd int
	events [eventsAtOnce]unix.EpollEvent
	n      int

	// gate is a second epoll descriptor, which watches epfd only while the loop parks. It is what the Go runtime's own poller gets to
	// see: if that watched epfd itself, some thread of the runtime's would wake up for each event of a busy loop.
	gate   int
	file   *os.File // gate, for the runtime; it closes it
	parked syscall.RawConn
}

const interest = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLPRI | unix.EPOLLET&0xffffffff

// wakeSlot marks events of the wake-up descriptor.
const wakeSlot = -1

func (p *poller) open() error {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	wakefd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epfd)
		return err
	}
	gate, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		_ = unix.Close(epfd)
		_ = unix.Close(wakefd)
		return err
	}
	p.epfd, p.wakefd, p.gate = epfd, wakefd, gate
	_ = unix.SetNonblock(gate, true) // makes os.NewFile hand it to the runtime's poller
	p.file = os.NewFile(uintptr(gate), "epoll")
	if p.parked, err = p.file.SyscallConn(); err != nil {
		p.close()
		return err
	}
	if err := unix.EpollCtl(gate, unix.EPOLL_CTL_ADD, epfd, &unix.EpollEvent{}); err != nil {
		p.close()
		return err
	}
	// Edge-triggered, so that it need not be read: every write is an edge.
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: wakeSlot}
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, wakefd, &e); err != nil {
		p.close()
		return err
	}
	return nil
}

func (p *poller) close() {
	_ = p.file.Close()
	_ = unix.Close(p.epfd)
	_ = unix.Close(p.wakefd)
}

func (p *poller) add(fd int, index, life int32) error {
	e := unix.EpollEvent{Events: interest, Fd: index, Pad: life}
	_, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.epfd), unix.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(&e)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

var one = binary.NativeEndian.AppendUint64(nil, 1)

// wake makes the current or the next wait return at once. From any goroutine.
func (p *poller) wake() { _, _ = unix.Write(p.wakefd, one) }

// shortWait is how long the loop waits inside a system call, before it parks.
const shortWait = 4 * time.Millisecond

// wait fetches events for up to timeout (< 0: as long as it takes).
//
// There are two ways to wait. A blocking system call is the quick one, but one that lasts 10 ms makes the Go runtime take the
// processor away from this thread, and then its monitor thread wakes up every 20 µs for a while: that was 10 % of the CPU time of
// a busy proxy, and more of a quiet one. Parking in the runtime's own poller costs a few system
// calls more for each wake-up, and nothing at all while it lasts. So: the first while a burst lasts, the second when it is over.
func (p *poller) wait(timeout time.Duration) {
	if timeout == 0 {
		p.fetch(0)
		return
	}
	first := shortWait
	if timeout > 0 {
		first = min(first, timeout)
	}
	if p.fetch(first); p.n > 0 || first == timeout {
		return
	}
	deadline := time.Time{}
	if timeout > 0 {
		deadline = time.Now().Add(timeout - first)
	}
	_ = p.file.SetReadDeadline(deadline)
	p.setGate(unix.EPOLLIN)
	_ = p.parked.Read(func(uintptr) bool {
		p.fetch(0)
		return p.n > 0
	})
	p.setGate(0)
}

// setGate says which of epfd's events the runtime's poller shall see. It cannot fail: both descriptors are open.
func (p *poller) setGate(events uint32) {
	_ = unix.EpollCtl(p.gate, unix.EPOLL_CTL_MOD, p.epfd, &unix.EpollEvent{Events: events})
}

// fetch asks the system for events.
func (p *poller) fetch(timeout time.Duration) {
	var n uintptr
	var errno syscall.Errno
	if timeout == 0 {
		// It cannot block, so the Go scheduler need not hear of it.
		n, _, errno = syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epfd), uintptr(unsafe.Pointer(&p.events)), eventsAtOnce, 0, 0, 0)
	} else {
		ms := (timeout + time.Millisecond - 1) / time.Millisecond
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epfd), uintptr(unsafe.Pointer(&p.events)), eventsAtOnce, uintptr(ms), 0, 0)
	}
	if errno != 0 {
		n = 0 // EINTR: the caller comes again
	}
	p.n = int(n)
}

// each calls f for every event fetched by the last wait.
func (p *poller) each(f func(index, life int32, e Event)) {
	for i := range p.events[:p.n] {
		e := &p.events[i]
		if e.Fd == wakeSlot {
			continue
		}
		f(e.Fd, e.Pad, translate(e.Events))
	}
}

func translate(bits uint32) (e Event) {
	if bits&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLPRI|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		e |= Readable
	}
	if bits&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		e |= Writable
	}
	if bits&(unix.EPOLLRDHUP|unix.EPOLLPRI|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		e |= Unusual
	}
	if bits&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		e |= Broken
	}
	return e
}
