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
}

const soNRead, soNWrite = 0x1020, 0x1024 // sys/socket.h

func unread(fd int) int { return option(fd, soNRead) }
func unsent(fd int) int { return option(fd, soNWrite) }

func option(fd, which int) int {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, which)
	if err != nil {
		return 0
	}
	return n
}
