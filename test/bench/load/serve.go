//go:build linux

package main

import (
	"fmt"

	"golang.org/x/sys/unix"

	"tcpproxy/test/bench/internal/loadctl"
)

// serve is the destination. Its only line of output is its port.
func serve() error {
	listener, port, err := listen()
	if err != nil {
		return err
	}
	fmt.Println(port)
	return serveOn(listener)
}

// serveOn answers for ever: one thread echoes blocks on all connections; a
// connection whose first block asks for bulk moves to a thread of its own, so
// that bulk never stands in the way of an echo here.
func serveOn(listener int) error {
	poll, err := newPoller()
	if err != nil {
		return err
	}
	if err := poll.add(listener, listener, unix.EPOLLIN); err != nil {
		return err
	}
	for {
		events, err := poll.wait(-1)
		if err != nil {
			return err
		}
		for _, event := range events {
			if fd := int(event.Fd); fd == listener {
				err = acceptAll(poll, listener)
			} else {
				err = echo(poll, fd)
			}
			if err != nil {
				return err
			}
		}
	}
}

// listen opens a port of the kernel's choice. A fresh port per run keeps the
// addresses still in TIME_WAIT from one run out of the next one's way.
func listen() (fd, port int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("socket: %w", err)
	}
	// Accepted sockets inherit the option.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, 0, fmt.Errorf("TCP_NODELAY: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return 0, 0, fmt.Errorf("listen: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, 0, fmt.Errorf("getsockname: %w", err)
	}
	return fd, name.(*unix.SockaddrInet4).Port, nil
}

func acceptAll(poll *poller, listener int) error {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			if err := poll.add(fd, fd, unix.EPOLLIN); err != nil {
				return err
			}
		case unix.EAGAIN:
			return nil
		case unix.ECONNABORTED, unix.EINTR:
			continue
		default:
			return fmt.Errorf("accept: %w", err)
		}
	}
}

// echo answers what has arrived on one connection. The error it returns ends
// the server: only what would falsify the measurement is one, a peer that went
// away is not.
func echo(poll *poller, fd int) error {
	var block [loadctl.BlockSize]byte
	n, err := unix.Read(fd, block[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return nil
	case err != nil || n == 0:
		return unix.Close(fd) // closing also takes it out of the poller
	case block[0] == loadctl.Sink || block[0] == loadctl.Source:
		if err := poll.remove(fd); err != nil {
			return err
		}
		go serveBulk(fd, block, n)
		return nil
	}
	written, err := unix.Write(fd, block[:n])
	if err == unix.EPIPE || err == unix.ECONNRESET {
		return unix.Close(fd)
	}
	if err != nil || written != n {
		return fmt.Errorf("echo of %d bytes: wrote %d: %w", n, written, err)
	}
	return nil
}
