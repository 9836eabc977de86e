package logging

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// queuedLines is how many lines may wait: some thousands of sessions that end badly at once, in a megabyte or so.
	queuedLines = 4096
	// flushPatience is how long close waits for a log that nobody reads.
	flushPatience = time.Second
)

// lines stands between the log and its file and never blocks the writer. Events are logged on the goroutines that move the
// bytes; were they to write to a pipe that nobody reads, every session would stand still. So a goroutine of its own does the
// writing; when it falls behind, lines are dropped, and it says later how many.
type lines struct {
	out        io.Writer
	sayDropped func(n uint64) // called on the writing goroutine
	queue      chan []byte
	dropped    atomic.Uint64 // since that was said last
	lost       atomic.Uint64 // in all

	closeOnce sync.Once
	closing   chan struct{} // asks the goroutine to write what is queued and to end
	done      chan struct{} // closed when it has ended
}

func newLines(out io.Writer, sayDropped func(n uint64)) *lines {
	l := &lines{
		out:        out,
		sayDropped: sayDropped,
		queue:      make(chan []byte, queuedLines),
		closing:    make(chan struct{}),
		done:       make(chan struct{}),
	}
	go l.write()
	return l
}

// Write queues a copy of line, or drops it if too many wait. What is written after close may be lost.
func (l *lines) Write(line []byte) (int, error) {
	select {
	case l.queue <- append([]byte(nil), line...):
	default:
		l.dropped.Add(1)
		l.lost.Add(1)
	}
	return len(line), nil
}

// close gives up after flushPatience: the goroutine then stays in its write until the program ends.
func (l *lines) close() {
	l.closeOnce.Do(func() { close(l.closing) })
	select {
	case <-l.done:
	case <-time.After(flushPatience):
	}
}

func (l *lines) write() {
	defer close(l.done)
	for {
		select {
		case line := <-l.queue:
			l.put(line)
		case <-l.closing:
			l.drain()
			return
		}
	}
}

func (l *lines) drain() {
	for {
		select {
		case line := <-l.queue:
			l.put(line)
		default:
			return
		}
	}
}

// put writes one line. An error means that nobody can read the log: there is no better place to report it, and the proxy
// goes on.
func (l *lines) put(line []byte) {
	_, _ = l.out.Write(line)
	if n := l.dropped.Swap(0); n > 0 {
		l.sayDropped(n)
	}
}
