//go:build !linux

package survival

import "time"

func createFile() (int, error) { return -1, ErrUnsupported }

func (m *Memory) resize(int) error { return ErrUnsupported }

func (m *Memory) remap(int) error { return ErrUnsupported }

func (m *Memory) unmap() {}

// Unmap gives the memory up, as far as this process is concerned.
func (m *Memory) Unmap() {}

var start = time.Now()

// Monotonic is a clock that never jumps.
func Monotonic() int64 { return int64(time.Since(start)) }
