package survival

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"
)

// stand is all that a holder touches. It is complete before the holder is made, since what is made by clone is a process with one thread
// and a copy of a Go runtime that it must not use: there is nobody to collect garbage, to grow a stack, or to release a lock that was
// held. So it takes system calls and plain words. The header's words are plain, too: the race detector would watch atomic ones, with its
// own code; and each has one writer at a time.
type stand struct {
	worker, holder, spare, before, died *int64
	image, previous                     *int64
	final, launches, limit, reason, why *uint64
	trial, deaths                       *uint64
	diedAt                              *[deathsKept]int64
	holderPID, sparePID                 uintptr // where the kernel writes a PID: half of holder and of spare
	argv, envp                          **byte
	watch, other                        unix.PollFd // pidfds: of the process to stand in for; of a spare to be ended before
	isSpare                             bool
	now, atOnce                         unix.Timespec
	everySignal, mask                   uint64
	action, ignored                     [4]uint64 // the kernel's struct sigaction; the handler stands first
	linger                              unix.Linger
	descriptors                         uintptr // numbers from this one on are not in use
	name, threadName                    [16]byte
	path                                [32]byte
}

const (
	sigsetSize = 8
	// The dispositions of signals that are no handlers.
	dispositionDefault = 0
	dispositionIgnore  = 1
	fdPath             = "/proc/self/fd/"
	cloneFlags         = unix.CLONE_FILES | unix.CLONE_PARENT | unix.CLONE_PARENT_SETTID | uintptr(unix.SIGCHLD)
	// launchesUnlessTold is the limit of Launches until a worker has read the command line.
	launchesUnlessTold = 10
)

// newStand prepares a holder that would go on with these arguments. watch is a pidfd of the caller, spare one of a spare that the caller
// has yet to end; -1 = none.
func newStand(h *Header, args, env []string, watch, spare int) (*stand, error) {
	argv, err := syscall.SlicePtrFromStrings(args)
	if err != nil {
		return nil, err
	}
	envp, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return nil, err
	}
	s := &stand{
		worker: (*int64)(unsafe.Pointer(&h.Worker)), holder: (*int64)(unsafe.Pointer(&h.Holder)),
		spare: (*int64)(unsafe.Pointer(&h.Spare)), before: (*int64)(unsafe.Pointer(&h.Before)),
		died: (*int64)(unsafe.Pointer(&h.Died)), image: (*int64)(unsafe.Pointer(&h.Image)),
		previous: (*int64)(unsafe.Pointer(&h.Previous)), final: (*uint64)(unsafe.Pointer(&h.Final)),
		launches: (*uint64)(unsafe.Pointer(&h.Launches)), limit: (*uint64)(unsafe.Pointer(&h.Limit)),
		reason: (*uint64)(unsafe.Pointer(&h.Reason)), why: (*uint64)(unsafe.Pointer(&h.Why)),
		trial: (*uint64)(unsafe.Pointer(&h.Trial)), deaths: (*uint64)(unsafe.Pointer(&h.Deaths)),
		diedAt: (*[deathsKept]int64)(unsafe.Pointer(&h.DiedAt)),
		argv:   &argv[0], envp: &envp[0],
		watch:       unix.PollFd{Fd: int32(watch), Events: unix.POLLIN},
		other:       unix.PollFd{Fd: int32(spare), Events: unix.POLLIN},
		everySignal: ^uint64(0),
		ignored:     [4]uint64{dispositionIgnore},
		linger:      unix.Linger{Onoff: 1},
		descriptors: uintptr(descriptorLimit()),
	}
	s.holderPID, s.sparePID = uintptr(unsafe.Pointer(s.holder)), uintptr(unsafe.Pointer(s.spare))
	if cpu.IsBigEndian { // the kernel writes 32 bits
		s.holderPID, s.sparePID = s.holderPID+4, s.sparePID+4
	}
	copy(s.name[:], holderName)
	copy(s.path[:], fdPath)
	return s, nil
}

// makeHolder makes a process that shares the table of descriptors with this one. The kernel writes its PID to Header.Holder before either
// goes on, so there is no holder that the header does not name, wherever a kill falls.
// All signals are blocked meanwhile: none may be handled in the new process, and none may move this goroutine to another thread.
//
//go:nosplit
//go:norace
func makeHolder(s *stand) syscall.Errno {
	block(s)
	// The new process has the name of the thread that makes it. It must not be that of a worker, not even until it has set its own: whoever
	// looks for the worker by its name would take the holder for it.
	named(&s.threadName, unix.PR_GET_NAME)
	named(&s.name, unix.PR_SET_NAME)
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, cloneFlags, 0, s.holderPID, 0, 0, 0)
	if pid == 0 && errno == 0 {
		hold(s)
	}
	named(&s.threadName, unix.PR_SET_NAME)
	unblock(s)
	return errno
}

// named gets or sets the name of this thread, which is the process's if it is the first.
//
//go:nosplit
//go:norace
func named(name *[16]byte, how uintptr) {
	_, _, _ = syscall.RawSyscall6(unix.SYS_PRCTL, how, uintptr(unsafe.Pointer(name)), 0, 0, 0, 0)
}

// hold is the holder's life. It never returns.
//
// There may be two who watch the same process, a holder and a spare, for the short time in which a new worker has made its own holder and
// not yet ended the spare. Then the holder goes on and, if that lives, the spare does not: the holder ends it first, and leaves
// Header.Holder as it is until the spare is gone, so that the spare cannot mistake whose turn it is.
//
//go:nosplit
//go:norace
func hold(s *stand) {
	ignoreSignals(s)
	for {
		unblock(s)
		awaitEnd(&s.watch)
		// Its place is free for the next descriptor: the table may be full.
		_, _, _ = syscall.RawSyscall6(unix.SYS_CLOSE, uintptr(s.watch.Fd), 0, 0, 0, 0, 0)
		if *s.final != 0 || s.isSpare && *s.holder != 0 && lives(s, *s.holder) {
			exit(0)
		}
		if !s.isSpare && *s.spare != 0 && s.other.Fd >= 0 {
			_, _, _ = syscall.RawSyscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(s.other.Fd), uintptr(unix.SIGKILL), 0, 0, 0, 0)
			awaitEnd(&s.other)
		}
		account(s)
		pid, _, _ := syscall.RawSyscall6(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)
		*s.before = *s.worker
		*s.worker = int64(pid)
		*s.spare = 0
		*s.holder = 0
		fd, _, errno := syscall.RawSyscall6(unix.SYS_PIDFD_OPEN, pid, 0, 0, 0, 0, 0)
		if errno != 0 {
			giveUp(s)
		}
		block(s)
		spare, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, cloneFlags, 0, s.sparePID, 0, 0, 0)
		if spare == 0 && errno == 0 {
			s.watch.Fd, s.isSpare = int32(fd), true
			continue
		}
		unblock(s)
		execute(s)
	}
}

//go:nosplit
//go:norace
func block(s *stand) {
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&s.everySignal)),
		uintptr(unsafe.Pointer(&s.mask)), sigsetSize, 0, 0)
}

//go:nosplit
//go:norace
func unblock(s *stand) {
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&s.mask)), 0, sigsetSize, 0, 0)
}

// ignoreSignals takes the handlers away, which are the worker's. To ignore a signal also drops one that is pending.
//
//go:nosplit
//go:norace
func ignoreSignals(s *stand) {
	for signal := uintptr(1); signal <= 64; signal++ {
		_, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGACTION, signal, 0, uintptr(unsafe.Pointer(&s.action)), sigsetSize, 0, 0)
		if errno == 0 && s.action[0] != dispositionDefault {
			_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGACTION, signal, uintptr(unsafe.Pointer(&s.ignored)), 0, sigsetSize, 0, 0)
		}
	}
}

// awaitEnd waits until the process of a pidfd is gone, with all its threads and its hold on descriptors.
//
//go:nosplit
//go:norace
func awaitEnd(fd *unix.PollFd) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(fd)), 1, 0, 0, sigsetSize, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0 || n == 1 && fd.Revents&unix.POLLNVAL != 0:
			exit(1)
		case n == 1:
			return
		}
	}
}

// lives reports whether a process is there and no zombie.
//
//go:nosplit
//go:norace
func lives(s *stand, pid int64) bool {
	fd, _, errno := syscall.RawSyscall6(unix.SYS_PIDFD_OPEN, uintptr(pid), 0, 0, 0, 0, 0)
	if errno != 0 {
		return false
	}
	s.other.Fd = int32(fd)
	gone, _, _ := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.other)), 1,
		uintptr(unsafe.Pointer(&s.atOnce)), 0, sigsetSize, 0)
	_, _, _ = syscall.RawSyscall6(unix.SYS_CLOSE, fd, 0, 0, 0, 0, 0)
	return gone == 0
}

// account notes a worker's death, and chooses the image to go on with. A death on purpose counts for nothing, nor does one of an image on
// trial: that is answered by going back.
//
//go:nosplit
//go:norace
func account(s *stand) {
	_, _, _ = syscall.RawSyscall6(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&s.now)), 0, 0, 0, 0)
	now := int64(s.now.Sec)*1e9 + int64(s.now.Nsec)
	if *s.launches == 0 { // that one served: this is where the gap begins, however many fail to close it
		*s.died = now
	}
	*s.launches++
	limit := *s.limit
	if limit == 0 {
		limit = launchesUnlessTold
	}
	if *s.launches > limit {
		giveUp(s)
	}
	why := *s.reason
	*s.reason = 0
	switch {
	case why == uint64(ReasonUpgrade):
	case *s.trial == 1:
		failed := *s.image
		*s.image = *s.previous
		*s.previous = failed
		*s.trial = 2
		why = uint64(ReasonWentBack)
	case why == uint64(ReasonNone):
		s.diedAt[*s.deaths%deathsKept] = now
		*s.deaths++
	}
	*s.why = why
}

// execute makes the process the next worker, with every descriptor that is not close-on-exec under its old number. If that fails, it is
// the spare's turn.
//
//go:nosplit
//go:norace
func execute(s *stand) {
	image := *s.image
	_, _, _ = syscall.RawSyscall6(unix.SYS_EXECVEAT, uintptr(image), uintptr(unsafe.Pointer(&s.path[len(s.path)-1])), // ""
		uintptr(unsafe.Pointer(s.argv)), uintptr(unsafe.Pointer(s.envp)), unix.AT_EMPTY_PATH, 0)
	// A sandbox may know the older call only.
	digits := uint(1)
	for rest := image; rest >= 10; rest /= 10 {
		digits++
	}
	for at := len(fdPath) + int(digits) - 1; at >= len(fdPath); at-- {
		s.path[at&31] = byte('0' + image%10)
		image /= 10
	}
	_, _, _ = syscall.RawSyscall6(unix.SYS_EXECVE, uintptr(unsafe.Pointer(&s.path)), uintptr(unsafe.Pointer(s.argv)),
		uintptr(unsafe.Pointer(s.envp)), 0, 0, 0)
	exit(1)
}

// giveUp ends the last process that holds the connections. They are reset: by an ordinary close some would end as if all had been sent.
//
//go:nosplit
//go:norace
func giveUp(s *stand) {
	for fd := uintptr(3); fd < s.descriptors; fd++ { // what is no socket is not affected
		_, _, _ = syscall.RawSyscall6(unix.SYS_SETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_LINGER,
			uintptr(unsafe.Pointer(&s.linger)), unsafe.Sizeof(s.linger), 0)
	}
	exit(1)
}

//go:nosplit
//go:norace
func exit(code uintptr) {
	for {
		_, _, _ = syscall.RawSyscall6(unix.SYS_EXIT_GROUP, code, 0, 0, 0, 0, 0)
	}
}
