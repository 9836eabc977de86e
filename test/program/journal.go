//go:build linux

package program

import (
	"strings"
	"sync"
)

// Journal keeps what the program writes to standard error. It may be asked while the program writes.
type Journal struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write is called by package exec.
func (j *Journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// String is all that was written so far.
func (j *Journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Has reports whether a text was written.
func (j *Journal) Has(text string) bool { return strings.Contains(j.String(), text) }

// Count is how often it was.
func (j *Journal) Count(text string) int { return strings.Count(j.String(), text) }

// Tail is the end of what was written.
func (j *Journal) Tail(bytes int) string {
	s := j.String()
	return s[max(0, len(s)-bytes):]
}
