//go:build linux

package attack

import (
	"bytes"
	"strings"
	"sync"
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

// lines are the lines of a text, without empty ones.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}
