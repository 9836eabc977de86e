package survival

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// standby is what a worker keeps to make holders with.
type standby struct{ *stand }

// remakePause keeps a holder that is killed over and over from taking a processor.
const remakePause = 5 * time.Millisecond

// Supported tells whether this system has what it takes to survive a process; else the error says what is missing.
func Supported() error {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	switch {
	case errors.Is(err, unix.ENOSYS):
		return ErrUnsupported
	case err != nil:
		return fmt.Errorf("cannot watch a process (pidfd_open): %w: a sandbox may forbid it", err)
	}
	_ = unix.Close(fd)
	return nil
}

// openHeader maps the header of a memory, for good.
func openHeader(fd int) (*Header, error) {
	mapped, err := unix.Mmap(fd, 0, headerSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("cannot map the state of the sessions (mmap): %w", err)
	}
	h := headerOf(mapped)
	if h.magic != magic || h.layout != Layout {
		return nil, fmt.Errorf("the state that was left behind has layout %d, and this program knows %d", h.layout, Layout)
	}
	return h, nil
}

// standUp makes the first holder of this worker, and then ends the spare that stood in for it until now, so that nobody but the holder has
// a hold on the descriptors. From then on a goroutine sees to it that there is a holder.
func (w *Worker) standUp() error {
	w.h.Worker.Store(int64(os.Getpid()))
	_ = os.WriteFile("/proc/self/comm", []byte(workerName), 0) // the name would be that of a descriptor
	if w.first {
		image, err := openImage("/proc/self/exe")
		if err != nil {
			return err
		}
		w.h.Image.Store(int64(image))
	}
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("cannot watch a process (pidfd_open): %w", err)
	}
	spare := int(w.h.Spare.Load())
	spareFD := -1
	if spare != 0 {
		spareFD, _ = unix.PidfdOpen(spare, 0) // if it is gone already, so be it
	}
	args := append([]string{WorkerArg0}, os.Args[1:]...)
	if w.stand.stand, err = newStand(w.h, args, os.Environ(), self, spareFD); err != nil {
		return err
	}
	err = w.remake()
	if err != nil && w.first {
		return err
	}
	if spareFD >= 0 {
		_ = unix.PidfdSendSignal(spareFD, unix.SIGKILL, nil, 0)
		waitGone(spareFD)
	}
	w.h.Spare.Store(0)
	if spareFD >= 0 {
		_ = unix.Close(spareFD)
	}
	go w.watchHolder()
	return nil
}

// remake makes a holder, unless the end has begun.
func (w *Worker) remake() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ending {
		return nil
	}
	errno := makeHolder(w.stand.stand)
	switch errno {
	case 0:
		return nil
	case unix.EPERM:
		return fmt.Errorf("cannot make a process that shares the descriptors (clone): %w: a sandbox forbids it: leave out --survive", errno)
	case unix.EINVAL:
		return fmt.Errorf("cannot make a process that shares the descriptors (clone): %w: "+
			"this process is the first of a PID namespace: leave out --survive", errno)
	}
	return fmt.Errorf("cannot make a process that shares the descriptors (clone): %w: leave out --survive", errno)
}

// watchHolder makes a new holder whenever there is none.
func (w *Worker) watchHolder() {
	for !w.isEnding() {
		fd, err := unix.PidfdOpen(int(w.h.Holder.Load()), 0)
		switch {
		case err == nil:
			waitGone(fd)
			_ = unix.Close(fd)
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM):
			time.Sleep(remakePause) // it lives; there is just nothing to watch it with
			continue
		}
		if w.remake() != nil {
			time.Sleep(remakePause)
		}
	}
}

func (w *Worker) isEnding() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ending
}

// openImage opens a program for holders to execute.
func openImage(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

// waitGone waits until the process of a pidfd is gone.
func waitGone(pidfd int) {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, -1)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// endProcess kills a process, and waits until it is gone.
func endProcess(pid int) {
	if pid <= 0 {
		return
	}
	fd, err := unix.PidfdOpen(pid, 0)
	_ = unix.Kill(pid, unix.SIGKILL)
	if err == nil {
		waitGone(fd)
		_ = unix.Close(fd)
	}
}

func closeDescriptor(fd int) { _ = unix.Close(fd) }

func killSelf() error { return unix.Kill(os.Getpid(), unix.SIGKILL) }

func sendSignal(pid int, signal os.Signal) bool {
	number, ok := signal.(syscall.Signal)
	return ok && pid > 0 && unix.Kill(pid, number) == nil
}
