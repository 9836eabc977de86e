package conformance

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"

	"tcpproxy/test/freeport"
)

// ports hands out port numbers, no number twice: on that of an earlier case there may still be somebody.
type ports struct {
	mu       sync.Mutex
	releases []func()
}

// free returns a port that nobody uses.
func (p *ports) free() (int, error) {
	port, release, err := freeport.Take()
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.releases = append(p.releases, release)
	return port, nil
}

// release gives all ports back, when all cases are over.
func (p *ports) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, release := range p.releases {
		release()
	}
	p.releases = nil
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
