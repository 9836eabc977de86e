package conformance

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ports hands out port numbers to listen on. They lie below the range that the system takes the ports of outgoing connections
// from: else one of the thousands of clients might sit on the port that a forwarder is just about to listen on.
//
// A port is reserved for as long as the ports are not released, against other testers on the same machine too: every port has a
// name in the abstract namespace of Unix sockets, and whoever is bound to it has the port.
type ports struct {
	mu       sync.Mutex
	reserved []int // the descriptors of the Unix sockets
}

// free returns a port that nobody uses, on IPv4 or IPv6, and that was not handed out before.
func (p *ports) free() (int, error) {
	low := ephemeral()
	for range 2000 {
		port := low - 1 - rand.IntN(min(15000, low-1025))
		if p.reserve(port) && bindable(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port below %d", low)
}

// reserve takes the port for this process.
func (p *ports) reserve(port int) bool {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: fmt.Sprintf("@test-proxy/port/%d", port)}); err != nil {
		unix.Close(fd)
		return false
	}
	p.mu.Lock()
	p.reserved = append(p.reserved, fd)
	p.mu.Unlock()
	return true
}

// release gives all ports back.
func (p *ports) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, fd := range p.reserved {
		unix.Close(fd)
	}
	p.reserved = nil
}

// bindable reports whether a socket can be bound to the port, on all addresses. It does not listen: a socket that listens, if only
// for a moment, would look like the forwarder's.
func bindable(port int) bool {
	family, addr := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: port})
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil { // no IPv6
		family, addr = unix.AF_INET, &unix.SockaddrInet4{Port: port}
		if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return false
		}
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	return unix.Bind(fd, addr) == nil
}

// ephemeral returns the first port of the system's range for outgoing connections.
func ephemeral() int {
	low := 32768
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(text), &low)
	}
	return max(low, 4096)
}

// listening reports whether somebody listens on the port. It looks into the kernel's tables instead of connecting, because a
// connection would reach the destination and be mistaken for a client.
func listening(port int) bool { return len(listeners(port)) > 0 }

// listeners returns the inode numbers of the sockets that listen on the port.
func listeners(port int) []string {
	return append(listed("/proc/net/tcp", port), listed("/proc/net/tcp6", port)...)
}

func listed(table string, port int) (inodes []string) {
	file, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer file.Close()
	const stateListen = "0A"
	suffix := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(file)
	lines.Scan() // the heading
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		// The kernel lists listening sockets first; what follows may be thousands of connections.
		if len(fields) < 10 || fields[3] != stateListen {
			break
		}
		if strings.HasSuffix(fields[1], suffix) {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}
