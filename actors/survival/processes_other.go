//go:build !linux

package survival

import "os"

type standby struct{}

// Supported tells whether this system has what it takes to survive a process.
func Supported() error { return ErrUnsupported }

func openHeader(int) (*Header, error) { return nil, ErrUnsupported }

func (w *Worker) standUp() error { return ErrUnsupported }

func openImage(string) (int, error) { return -1, ErrUnsupported }

func endProcess(int) {}

func closeDescriptor(int) {}

func killSelf() error { return ErrUnsupported }

func sendSignal(int, os.Signal) bool { return false }

// Sweep does nothing here.
func (w *Worker) Sweep(func(fd int) bool, func(fd int)) {}

func (w *Worker) resetAll() {}
