//go:build darwin || freebsd

package wire

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller is kqueue. Each descriptor is added once for reading and once for writing, cleared after each report (kqueue's way of being
// edge-triggered), and leaves when it is closed.
type poller struct {
	kq     int
	events [eventsAtOnce]kevent
	n      int
}

// Both must have one layout, or nothing here is true.
var _ [0]byte = [unsafe.Sizeof(kevent{}) - unsafe.Sizeof(unix.Kevent_t{})]byte{}

const wakeIdent = 1

func (p *poller) open() error {
	kq, err := unix.Kqueue()
	if err != nil {
		return err
	}
	unix.CloseOnExec(kq)
	p.kq = kq
	wake := []kevent{{ident: wakeIdent, filter: unix.EVFILT_USER, flags: unix.EV_ADD | unix.EV_CLEAR}}
	if err := p.change(wake); err != nil {
		p.close()
		return err
	}
	return nil
}

func (p *poller) close() { _ = unix.Close(p.kq) }

// system shows our events as the system's.
func system(events []kevent) []unix.Kevent_t {
	return unsafe.Slice((*unix.Kevent_t)(unsafe.Pointer(unsafe.SliceData(events))), len(events))
}

func (p *poller) change(changes []kevent) error {
	_, err := unix.Kevent(p.kq, system(changes), nil, nil)
	return err
}

func (p *poller) add(fd int, index, life int32) error {
	who := uintptr(uint32(index)) | uintptr(uint32(life))<<32
	return p.change([]kevent{
		{ident: uint64(fd), filter: unix.EVFILT_READ, flags: unix.EV_ADD | unix.EV_CLEAR, udata: who},
		{ident: uint64(fd), filter: unix.EVFILT_WRITE, flags: unix.EV_ADD | unix.EV_CLEAR, udata: who},
	})
}

// wake makes the current or the next wait return at once. From any goroutine.
func (p *poller) wake() {
	_ = p.change([]kevent{{ident: wakeIdent, filter: unix.EVFILT_USER, fflags: unix.NOTE_TRIGGER}})
}

// wait fetches events for up to timeout (< 0: as long as it takes).
func (p *poller) wait(timeout time.Duration) {
	var ts *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(int64(timeout))
		ts = &t
	}
	n, err := unix.Kevent(p.kq, nil, system(p.events[:]), ts)
	if err != nil {
		n = 0 // EINTR: the caller comes again
	}
	p.n = n
}

// each calls f for every event fetched by the last wait.
func (p *poller) each(f func(index, life int32, e Event)) {
	for i := range p.events[:p.n] {
		if e := &p.events[i]; e.filter != unix.EVFILT_USER {
			f(int32(uint32(e.udata)), int32(uint32(e.udata>>32)), translate(e))
		}
	}
}

func translate(k *kevent) (e Event) {
	switch k.filter {
	case unix.EVFILT_READ:
		e = Readable
	case unix.EVFILT_WRITE:
		e = Writable
	}
	if k.flags&unix.EV_EOF != 0 {
		e |= Unusual
		if k.fflags != 0 {
			e |= Readable | Writable | Broken
		}
	}
	return e
}
