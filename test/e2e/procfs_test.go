//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// descriptors is how many the proxy holds.
func (p *proxy) descriptors() int {
	p.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.pid()))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(entries)
}

// sockets is how many of the proxy's descriptors are sockets: one listens, and every relaying session has two.
func (p *proxy) sockets() (n int) {
	p.t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", p.pid())
	entries, err := os.ReadDir(dir)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink(dir + "/" + e.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// cpu is the processor time that the proxy has used, to a hundredth of a second.
func (p *proxy) cpu() time.Duration {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid()))
	if err != nil {
		p.t.Fatal(err)
	}
	// The second field, the command in parentheses, may contain spaces. utime and stime are fields 14 and 15.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// status is a number out of /proc/PID/status.
func (p *proxy) status(name string) int {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid()))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, line := range lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name+":"); found {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				p.t.Fatal(err)
			}
			return n
		}
	}
	p.t.Fatalf("no %s in the process's status", name)
	return 0
}

func (p *proxy) threads() int { return p.status("Threads") }

// memory is the resident set in bytes.
func (p *proxy) memory() int { return p.status("VmRSS") << 10 }

// restsAt waits until the proxy holds so many sockets.
func (p *proxy) restsAt(t *testing.T, sockets int) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("the proxy holds %d sockets", sockets), func() bool { return p.sockets() == sockets })
}

// asleep fails the test if the proxy, which has nothing to do, uses the processor.
func (p *proxy) asleep(t *testing.T, over time.Duration) {
	t.Helper()
	before := p.cpu()
	time.Sleep(over) // what is measured is that nothing happens
	if used := p.cpu() - before; used > over/10 {
		t.Errorf("the proxy used the processor for %v of %v, with nothing to do", used, over)
	}
}
