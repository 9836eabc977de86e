//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tcpproxy/test/bench/internal/loadctl"
)

// bulk moves bytes over fresh connections, a thread each. With a time limit
// the streams are endless and cut off when it is reached; with a byte count it
// is shared out evenly and moved to the last acknowledged byte.
func (c *clients) bulk(command loadctl.Command) (loadctl.Reply, error) {
	share := command.Bytes / int64(command.Count)
	if command.Millis > 0 {
		share = math.MaxInt64
	}
	fds := make([]int, command.Count)
	for i := range fds {
		fd, err := c.dial()
		if err != nil {
			return loadctl.Reply{}, err
		}
		defer unix.Close(fd)
		if err := makeBlocking(fd); err != nil {
			return loadctl.Reply{}, err
		}
		fds[i] = fd
	}

	var moved atomic.Int64
	failures := make([]error, len(fds))
	var streams sync.WaitGroup
	start := time.Now()
	var deadline time.Time
	if command.Millis > 0 {
		deadline = start.Add(time.Duration(command.Millis) * time.Millisecond)
	}
	for i, fd := range fds {
		stream := sendUp
		if command.Direction == loadctl.Down || command.Direction == loadctl.Both && i%2 == 1 {
			stream = fetchDown
		}
		streams.Go(func() {
			n, err := stream(fd, share, deadline)
			moved.Add(n)
			failures[i] = err
		})
	}
	streams.Wait()
	reply := loadctl.Reply{Bytes: moved.Load(), Seconds: time.Since(start).Seconds()}
	return reply, errors.Join(failures...)
}

// sendUp sends size bytes and waits for the destination to say that it has them
// all; not so when the deadline cut it short.
func sendUp(fd int, size int64, deadline time.Time) (int64, error) {
	header := bulkHeader(loadctl.Sink, size)
	if err := writeFull(fd, header[:]); err != nil {
		return 0, err
	}
	sent, err := send(fd, size, deadline)
	if err != nil || sent < size {
		return sent, err
	}
	if err := readFull(fd, header[:]); err != nil {
		return sent, fmt.Errorf("acknowledgement: %w", err)
	}
	return sent, nil
}

func fetchDown(fd int, size int64, deadline time.Time) (int64, error) {
	header := bulkHeader(loadctl.Source, size)
	if err := writeFull(fd, header[:]); err != nil {
		return 0, err
	}
	return discard(fd, size, deadline)
}
