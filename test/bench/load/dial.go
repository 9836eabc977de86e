//go:build linux

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// sourceAddresses is over how many loopback addresses the clients spread, so
// that neither 8,000 open connections nor the closed ones still in TIME_WAIT
// run out of ports. It is the same for every proxy.
const sourceAddresses = 200

// dialer opens non-blocking connections to one port of this machine.
type dialer struct {
	to     unix.SockaddrInet4
	dialed int
}

// dial starts a connection; on loopback it is nearly always established when
// the call returns.
func (d *dialer) dial() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := d.connect(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (d *dialer) connect(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("TCP_NODELAY: %w", err)
	}
	// Leaves the choice of the port to connect, which knows the whole address
	// pair and so can share a port between destinations.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return fmt.Errorf("IP_BIND_ADDRESS_NO_PORT: %w", err)
	}
	source := [4]byte{127, 0, 0, byte(2 + d.dialed%sourceAddresses)}
	d.dialed++
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: source}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := unix.Connect(fd, &d.to); err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}
