// Package freeport finds ports for a program under test to listen on, or a test that has to know its port beforehand.
//
// Such a port has to stay free from the moment when it is found to the moment when somebody listens on it. Four things could take it:
//
//   - An outgoing connection. So the ports lie below the range that the system takes those of connections from.
//   - A socket of the other family, or of another loopback address. So a port is free only if it is on all addresses of both families.
//   - Somebody else who asks here, from this process or another. So a port is reserved, until it is released or the process ends.
//   - The socket that found it free. A process that is just being started has a copy of every descriptor for a moment, and the port
//     stays taken until that copy is closed, too. So no process is started while there is such a socket.
//
// Nothing can be done about a program that insists on the very port. Whoever can choose again does well to.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
)

// Take returns a port that nobody uses. It is nobody else's who asks here, until release, or the end of the process.
func Take() (port int, release func(), err error) {
	low := ephemeral()
	for range 2000 {
		port = low - 1 - rand.IntN(min(15000, low-1025))
		reservation, err := reserve(port)
		if err != nil {
			continue
		}
		if bindable(port) {
			return port, func() { reservation.Close() }, nil
		}
		reservation.Close()
	}
	return 0, nil, fmt.Errorf("no free port below %d", low)
}

// For takes a port for as long as a test lasts. The test is a testing.TB; but programs import this package, too.
func For(t interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
}) string {
	t.Helper()
	port, release, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return fmt.Sprint(port)
}

// reserve takes a port from all others who ask here. Its mark is a UDP socket with the same number, which only one can have, and which
// goes with the process however that ends. The ports of TCP are others: it is in nobody's way.
func reserve(port int) (interface{ Close() error }, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
}

// bindable reports whether a socket can be bound to the port, on all addresses of both families. Unlike those of package net, it does
// not reuse addresses, since not every program does: connections that are long over may keep a port from those. And it does not
// listen, since somebody may just be looking at who does.
func bindable(port int) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	addr := syscall.Sockaddr(&syscall.SockaddrInet6{Port: port})
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0)
	} else { // no IPv6
		addr = &syscall.SockaddrInet4{Port: port}
		fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	}
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	return syscall.Bind(fd, addr) == nil
}

// ephemeral returns the first port of the system's range for outgoing connections.
func ephemeral() int {
	low := 10000 // on FreeBSD; it is 49152 on macOS
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(text), &low)
	}
	return max(low, 4096)
}
