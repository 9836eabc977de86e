//go:build linux

package main

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"tcpproxy/test/bench/internal/loadctl"
)

// clients are connections through the proxy, driven by one thread.
type clients struct {
	dialer
	poll  *poller
	conns []*client // by the number their events carry
}

// client is one connection with at most one block in flight.
type client struct {
	fd     int
	unsent bool // the block could not be written yet: not connected
	busy   bool // a block is out and not all of it is back
	got    int  // how much of it is back
	since  time.Time
}

var block = func() (b [loadctl.BlockSize]byte) { b[0] = loadctl.Echo; return b }()

// maxUnanswered bounds how many connections are being set up at once: fewer
// than any listen queue on the way is long.
const maxUnanswered = 128

// errSilent says that nothing moved for stuckAfter.
var errSilent = fmt.Errorf("no reply within %v", stuckAfter)

// open adds connections until n stand open and each has echoed one block, so
// that the proxy has connected both sides of every one.
func (c *clients) open(n int) error {
	unanswered := 0
	for len(c.conns) < n || unanswered > 0 {
		for len(c.conns) < n && unanswered < maxUnanswered {
			client := new(client)
			c.conns = append(c.conns, client)
			if err := c.start(client, len(c.conns)-1); err != nil {
				return err
			}
			unanswered++
		}
		if err := c.replies(func(int, *client) error {
			unanswered--
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// start connects a client and sends its first block. number is what its
// events will carry.
func (c *clients) start(client *client, number int) error {
	client.since = time.Now()
	fd, err := c.dial()
	if err != nil {
		return err
	}
	client.fd = fd
	const edges = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET
	if err := c.poll.add(fd, number, edges); err != nil {
		return err
	}
	return client.send()
}

// send puts a block on its way. since is the caller's: latency may have begun
// earlier, with the connection.
func (c *client) send() error {
	c.busy = true
	n, err := unix.Write(c.fd, block[:])
	c.unsent = err == unix.EAGAIN || err == unix.ENOTCONN
	if c.unsent {
		return nil
	}
	if err != nil || n != len(block) {
		return fmt.Errorf("write of a block: %d bytes: %w", n, err)
	}
	return nil
}

// receive reads what has come back. whole is true once per block.
func (c *client) receive() (whole bool, err error) {
	var back [loadctl.BlockSize]byte
	for {
		n, err := unix.Read(c.fd, back[c.got:])
		switch {
		case err == unix.EAGAIN:
			return false, nil
		case err == unix.EINTR:
			continue
		case err != nil:
			return false, fmt.Errorf("read of a block: %w", err)
		case n == 0:
			return false, io.ErrUnexpectedEOF
		}
		c.got += n
		if c.got == len(back) {
			c.got, c.busy = 0, false
			return true, nil
		}
	}
}

// replies waits once and calls whole for every client whose block is back.
func (c *clients) replies(whole func(number int, client *client) error) error {
	events, err := c.poll.wait(stuckAfter)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return errSilent
	}
	for _, event := range events {
		number := int(event.Fd)
		client := c.conns[number]
		if client.unsent && event.Events&unix.EPOLLOUT != 0 {
			if err := client.send(); err != nil {
				return err
			}
		}
		if !client.busy || event.Events&^unix.EPOLLOUT == 0 {
			continue
		}
		back, err := client.receive()
		if err == nil && back {
			err = whole(number, client)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
