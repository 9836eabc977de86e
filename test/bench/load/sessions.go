//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"tcpproxy/test/bench/internal/loadctl"
)

// sessions runs whole connections, atOnce of them side by side: connect, one
// block there and back, shut down our half, wait for the other half to end,
// close. A session's latency runs from the connect to that end, so a proxy
// cannot look fast by tidying up later.
func (c *clients) sessions(atOnce int, lasting time.Duration) (loadctl.Reply, error) {
	if len(c.conns) > 0 {
		return loadctl.Reply{}, errors.New("sessions and open connections do not mix")
	}
	c.conns = make([]*client, atOnce)
	defer func() { c.conns = nil }()

	samples := newLatencies()
	start := time.Now()
	running := 0
	begin := func(number int) error {
		c.conns[number] = new(client)
		running++
		return c.start(c.conns[number], number)
	}
	for number := range atOnce {
		if err := begin(number); err != nil {
			return loadctl.Reply{}, err
		}
	}
	for running > 0 {
		events, err := c.poll.wait(stuckAfter)
		if err != nil {
			return loadctl.Reply{}, err
		}
		if len(events) == 0 {
			return loadctl.Reply{}, errSilent
		}
		for _, event := range events {
			number := int(event.Fd)
			ended, err := c.conns[number].advance(event.Events)
			if err != nil {
				return loadctl.Reply{}, err
			}
			if !ended {
				continue
			}
			now := time.Now()
			samples = append(samples, now.Sub(c.conns[number].since).Nanoseconds())
			running--
			if now.Sub(start) >= lasting {
				continue
			}
			if err := begin(number); err != nil {
				return loadctl.Reply{}, err
			}
		}
	}
	return samples.reply(time.Since(start)), nil
}

// advance takes one session as far as its socket allows; ended means that it
// is over and closed.
func (c *client) advance(events uint32) (ended bool, err error) {
	if c.unsent && events&unix.EPOLLOUT != 0 {
		if err := c.send(); err != nil {
			return false, err
		}
	}
	if c.busy {
		whole, err := c.receive()
		if err != nil || !whole {
			return false, err
		}
		if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil {
			return false, fmt.Errorf("shutdown: %w", err)
		}
	}
	var none [1]byte
	switch n, err := unix.Read(c.fd, none[:]); {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("waiting for the end: %w", err)
	case n > 0:
		return false, errors.New("waiting for the end: more bytes than were sent")
	}
	return true, unix.Close(c.fd)
}
