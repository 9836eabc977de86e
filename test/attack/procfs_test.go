//go:build linux

package attack

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// holdings are the descriptors of a process, by kind.
type holdings struct{ sockets, pipes, others int }

// beyond reports whether something is held that was not held before.
func (h holdings) beyond(before holdings) bool {
	return h.sockets > before.sockets || h.others > before.others
}

// holds counts the proxy's descriptors.
func (p *proxy) holds() (h holdings) {
	p.t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", p.pid())
	entries, err := os.ReadDir(dir)
	if err != nil {
		p.t.Fatalf("the proxy is gone: %v", err)
	}
	for _, e := range entries {
		switch to, err := os.Readlink(dir + "/" + e.Name()); {
		case err != nil: // closed since
		case strings.HasPrefix(to, "socket:"):
			h.sockets++
		case strings.HasPrefix(to, "pipe:"):
			h.pipes++
		default:
			h.others++
		}
	}
	return h
}

// memory is the resident set in bytes.
func (p *proxy) memory() int {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid()))
	if err != nil {
		p.t.Fatalf("the proxy is gone: %v", err)
	}
	for _, line := range lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n << 10
		}
	}
	p.t.Fatal("no resident set in the process's status")
	return 0
}

// givesBack waits until the proxy holds no more descriptors than it did before the attack. Pipes may be kept for the next bulk: they
// do not count, all else does.
func (p *proxy) givesBack(t *testing.T, before holdings) {
	t.Helper()
	now := p.holds()
	for end := time.Now().Add(patience); now.beyond(before); now = p.holds() {
		if time.Now().After(end) {
			t.Fatalf("the proxy holds %+v; before the attack it was %+v", now, before)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
