//go:build linux

package wire

import (
	"encoding/binary"
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
		unix.Close(epfd)
		return err
	}
	p.epfd, p.wakefd = epfd, wakefd
	// Edge-triggered, so that it need not be read: every write is an edge.
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: wakeSlot}
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, wakefd, &e); err != nil {
		p.close()
		return err
	}
	return nil
}

func (p *poller) close() {
	unix.Close(p.epfd)
	unix.Close(p.wakefd)
}

func (p *poller) add(fd int, index, life int32) error {
	e := unix.EpollEvent{Events: interest, Fd: index, Pad: life}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.epfd), unix.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(&e)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

var one = binary.NativeEndian.AppendUint64(nil, 1)

// wake makes the current or the next wait return at once. From any goroutine.
func (p *poller) wake() { _, _ = unix.Write(p.wakefd, one) }

// wait fetches events for up to timeout (< 0: as long as it takes).
func (p *poller) wait(timeout time.Duration) {
	ms := -1
	if timeout >= 0 {
		ms = int((timeout + time.Millisecond - 1) / time.Millisecond)
	}
	var n uintptr
	var errno syscall.Errno
	if ms == 0 {
		// It cannot block, so the Go scheduler need not hear of it.
		n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epfd), uintptr(unsafe.Pointer(&p.events)), eventsAtOnce, 0, 0, 0)
	} else {
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
