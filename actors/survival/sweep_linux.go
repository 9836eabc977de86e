package survival

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Sweep shows the descriptors that a worker has inherited: all that are not close-on-exec, but for standard input, output and error, the
// memory, the pipes to the keeper, and the images. Those that named does not claim are given to unnamed, whose they are then. It must
// come before anything opens a descriptor that is not close-on-exec.
func (w *Worker) Sweep(named func(fd int) bool, unnamed func(fd int)) {
	own := map[int]bool{
		w.fds[0]: true, w.fds[1]: true, w.fds[2]: true,
		int(w.h.Image.Load()): true, int(w.h.Previous.Load()): true,
	}
	for _, fd := range descriptors() {
		if fd > 2 && !own[fd] && !named(fd) && isInherited(fd) {
			unnamed(fd)
		}
	}
}

// resetAll has all connections that this process holds reset when it exits.
func (w *Worker) resetAll() {
	for _, fd := range inherited() { // what is no socket is not affected
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
}

// inherited are the descriptors that are not close-on-exec.
func inherited() (fds []int) {
	for _, fd := range descriptors() {
		if isInherited(fd) {
			fds = append(fds, fd)
		}
	}
	return fds
}

func isInherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// descriptors are all that may be open.
func descriptors() (fds []int) {
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		for _, entry := range entries {
			if fd, err := strconv.Atoi(entry.Name()); err == nil {
				fds = append(fds, fd)
			}
		}
		return fds
	}
	for fd := range descriptorLimit() {
		fds = append(fds, fd)
	}
	return fds
}

// descriptorLimit bounds the numbers of descriptors.
func descriptorLimit() int {
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return int(min(limit.Cur, 1<<20))
}
