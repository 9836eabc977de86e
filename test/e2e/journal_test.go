//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// journal keeps what the proxy writes to standard error.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write is called by the command's copying goroutine.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// String is everything so far.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) has(part string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return bytes.Contains(j.text.Bytes(), []byte(part))
}

// with are the lines that contain all of the parts.
func (j *journal) with(parts ...string) (found []string) {
next:
	for _, line := range lines(j.String()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

// tail is the end of the text.
func (j *journal) tail(n int) string {
	text := j.String()
	return text[max(0, len(text)-n):]
}

// logged waits for so many lines that contain all of the parts, and fails the test if there are more. The proxy writes its log a
// little later than it acts.
func (p *proxy) logged(t *testing.T, n int, parts ...string) []string {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%d log lines with %q", n, parts), func() bool { return len(p.log.with(parts...)) >= n })
	found := p.log.with(parts...)
	if len(found) != n {
		t.Errorf("%d log lines with %q, want %d: %q", len(found), parts, n, found)
	}
	return found
}
