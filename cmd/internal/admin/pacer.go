package admin

import (
	"io"
	"sync"
	"time"
)

const (
	// paceBytes is how many bytes a second all large answers together may take. Writing them costs the system's time, and reading them
	// the callers', on the processors that move the bytes of sessions: at 48 MB a second the p99 of a round trip was ten times as long.
	// The tree of 5,000 sessions is 3 MB.
	paceBytes = 4 << 20
	// paceChunk is how many bytes are written at a time; an answer that is not larger is not paced.
	paceChunk = 16 << 10
)

// pacer has callers take turns in writing large answers.
type pacer struct {
	mu   sync.Mutex
	next time.Time // when the next chunk may be written
}

// write writes the whole text, or as much of it as the caller takes. taken, if there is one, is called before each chunk, to say how
// long that may take.
func (p *pacer) write(w io.Writer, text []byte, taken func()) {
	for large := len(text) > paceChunk; len(text) > 0; {
		n := min(len(text), paceChunk)
		if large {
			time.Sleep(p.reserve(n))
		}
		if taken != nil {
			taken()
		}
		if _, err := w.Write(text[:n]); err != nil {
			return
		}
		text = text[n:]
	}
}

// reserve returns how long to wait before writing n bytes.
func (p *pacer) reserve(n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(n) * time.Second / paceBytes)
	return wait
}

// paced is a way to write a large answer that comes in chunks. Only the first of them is not paced.
type paced struct {
	pacer *pacer
	to    io.Writer
	taken func() // as for pacer.write
	large bool
}

// Write writes a chunk.
func (p *paced) Write(chunk []byte) (int, error) {
	if p.large {
		time.Sleep(p.pacer.reserve(len(chunk)))
	}
	p.large = true
	p.taken()
	return p.to.Write(chunk)
}
