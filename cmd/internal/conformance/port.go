package conformance

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
)

// ports hands out port numbers to listen on. They lie below the range that the system takes the ports of outgoing connections
// from: else one of the thousands of clients might sit on the port that a forwarder is just about to listen on.
type ports struct {
	mu    sync.Mutex
	given map[int]bool
}

// free returns a port that nobody uses, on IPv4 or IPv6, and that was not handed out before.
func (p *ports) free() (int, error) {
	low := ephemeral()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.given == nil {
		p.given = map[int]bool{}
	}
	for range 2000 {
		port := low - 1 - rand.IntN(min(15000, low-1025))
		if p.given[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		l.Close()
		p.given[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("no free port below %d", low)
}

// ephemeral returns the first port of the system's range for outgoing connections.
func ephemeral() int {
	low := 32768
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		fmt.Sscan(string(text), &low)
	}
	return max(low, 4096)
}

// listening reports whether somebody listens on the port. It looks into the kernel's tables instead of connecting, because a
// connection would reach the destination and be mistaken for a client.
func listening(port int) bool {
	return listed("/proc/net/tcp", port) || listed("/proc/net/tcp6", port)
}

func listed(table string, port int) bool {
	file, err := os.Open(table)
	if err != nil {
		return false
	}
	defer file.Close()
	const stateListen = "0A"
	suffix := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(file)
	lines.Scan() // the heading
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		// The kernel lists listening sockets first; what follows may be thousands of connections.
		if len(fields) < 4 || fields[3] != stateListen {
			return false
		}
		if strings.HasSuffix(fields[1], suffix) {
			return true
		}
	}
	return false
}
