package survival

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// createFile makes a file in memory that is inherited by whatever is executed.
func createFile() (int, error) {
	fd, err := unix.MemfdCreate("tcpproxy", 0)
	if err != nil {
		return -1, fmt.Errorf("cannot make a file in memory (memfd_create): %w", err)
	}
	return fd, nil
}

// resize makes the file as long as that, and maps it. Pointers into what was mapped before become invalid.
func (m *Memory) resize(size int) error {
	if err := unix.Ftruncate(m.fd, int64(size)); err != nil {
		return fmt.Errorf("cannot make room for the state of the sessions (ftruncate): %w", err)
	}
	return m.remap(size)
}

func (m *Memory) remap(size int) error {
	mapped, err := unix.Mmap(m.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("cannot map the state of the sessions (mmap): %w", err)
	}
	m.unmap()
	m.mapped = mapped
	m.Header = headerOf(mapped)
	return nil
}

func (m *Memory) unmap() {
	if m.mapped != nil {
		_ = unix.Munmap(m.mapped)
		m.mapped, m.Header = nil, nil
	}
}

// Unmap gives the memory up, as far as this process is concerned.
func (m *Memory) Unmap() {
	m.unmap()
	_ = unix.Close(m.fd)
}

// Monotonic is CLOCK_MONOTONIC, the clock of Header: one for all processes.
func Monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano()
}
