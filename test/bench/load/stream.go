//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"tcpproxy/test/bench/internal/loadctl"
)

// Bulk ends block in the kernel, a thread per connection: with so few of them
// nothing is cheaper. The sending end writes from user space, as ordinary
// programs do (sendfile would hand the proxy other page sizes than it meets in
// life); the receiving end lets the kernel throw the bytes away, which spares
// the machine a copy that is not the proxy's.

const (
	writeSize   = 256 << 10
	discardSize = 1 << 20
	// stuckAfter bounds every blocking call: a proxy that stalls is reported,
	// not waited for.
	stuckAfter = 20 * time.Second
)

// makeBlocking turns a polled socket into one with blocking, bounded calls.
func makeBlocking(fd int) error {
	limit := unix.NsecToTimeval(stuckAfter.Nanoseconds())
	return errors.Join(
		unix.SetNonblock(fd, false),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit),
	)
}

func bulkHeader(kind byte, size int64) (block [loadctl.BlockSize]byte) {
	block[0] = kind
	binary.BigEndian.PutUint64(block[1:], uint64(size))
	return block
}

// serveBulk obeys headers until the client is gone. block holds the first
// have bytes of the first header. It owns fd.
func serveBulk(fd int, block [loadctl.BlockSize]byte, have int) {
	defer unix.Close(fd)
	if makeBlocking(fd) != nil {
		return
	}
	for {
		if readFull(fd, block[have:]) != nil {
			return
		}
		have = 0
		size := int64(binary.BigEndian.Uint64(block[1:]))
		if block[0] == loadctl.Source {
			if _, err := send(fd, size, time.Time{}); err != nil {
				return
			}
			continue
		}
		if _, err := discard(fd, size, time.Time{}); err != nil {
			return
		}
		if writeFull(fd, block[:]) != nil {
			return
		}
	}
}

// send writes size bytes, or fewer if the deadline (zero: none) comes first.
func send(fd int, size int64, deadline time.Time) (sent int64, err error) {
	chunk := make([]byte, writeSize)
	for sent < size && !passed(deadline) {
		n, err := unix.Write(fd, chunk[:min(size-sent, writeSize)])
		if err != nil && err != unix.EINTR {
			return sent, fmt.Errorf("write: %w", err)
		}
		sent += int64(max(n, 0))
	}
	return sent, nil
}

// discard reads size bytes without copying them, or fewer if the deadline
// (zero: none) comes first.
func discard(fd int, size int64, deadline time.Time) (got int64, err error) {
	unused := make([]byte, discardSize) // never touched, so never resident
	for got < size && !passed(deadline) {
		n, _, err := unix.Recvfrom(fd, unused[:min(size-got, discardSize)], unix.MSG_TRUNC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return got, fmt.Errorf("recv: %w", err)
		}
		if n == 0 {
			return got, io.ErrUnexpectedEOF
		}
		got += int64(n)
	}
	return got, nil
}

func passed(deadline time.Time) bool {
	return !deadline.IsZero() && !time.Now().Before(deadline)
}

func readFull(fd int, into []byte) error {
	for len(into) > 0 {
		n, err := unix.Read(fd, into)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if n == 0 {
			return io.EOF
		}
		into = into[n:]
	}
	return nil
}

func writeFull(fd int, from []byte) error {
	for len(from) > 0 {
		n, err := unix.Write(fd, from)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("write: %w", err)
		}
		from = from[max(n, 0):]
	}
	return nil
}
