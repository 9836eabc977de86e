package wire

import "golang.org/x/sys/unix"

// kevent is unix.Kevent_t with user data that is a number, not a pointer, so that the garbage collector leaves it alone.
type kevent struct {
	ident  uint64
	filter int16
	flags  uint16
	fflags uint32
	data   int64
	udata  uintptr
	ext    [4]uint64
}

const fioNRead, fioNWrite = 0x4004667f, 0x40046677 // sys/filio.h

func unread(fd int) int { return queued(fd, fioNRead) }
func unsent(fd int) int { return queued(fd, fioNWrite) }

func queued(fd int, which uint) int {
	n, err := unix.IoctlGetInt(fd, which)
	if err != nil {
		return 0
	}
	return n
}
