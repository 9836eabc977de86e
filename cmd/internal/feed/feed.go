// Package feed stands between the proxy's events and those who listen to them. Events are published on the goroutines that move bytes: a
// listener that waits, or has a defect, must not be felt there. A Feed is for one that takes its time: it has a queue, and a goroutine.
// Direct is for one that never waits, such as a counter: it has neither, loses nothing, and only its panics are caught.
package feed

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// rest is how long a feed waits after it has handled what there was, for more to come: to wake a goroutine costs the one who publishes more
// than to queue an event, so it is done so seldom.
const rest = 2 * time.Millisecond

// patience is how long Close waits for a listener that does not return.
const patience = time.Second

// Feed is a bounded queue of events on their way to one listener, who is told of them one by one and in their order. All methods may be
// called from any goroutine.
type Feed struct {
	listener
	mu      sync.Mutex
	queue   []happened // a ring
	first   int        // of those that wait
	waiting int
	closed  bool
	dropped atomic.Uint64
	wake    chan struct{} // holds a value if there may be something to do
	closing chan struct{}
	done    chan struct{}
}

// happened is an event, and when it was published.
type happened struct {
	event any
	at    time.Time
}

// New makes a feed in which size events may wait for handle, which is called on a goroutine of the feed's own, and is told when the event
// was published. The first panic of handle is
// logged (log may be nil), and the listener goes on with the next event. Close it.
func New(size int, log *slog.Logger, handle func(event any, at time.Time)) *Feed {
	f := &Feed{
		listener: listener{handle: handle, log: log}, queue: make([]happened, max(1, size)),
		wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
	go f.run()
	return f
}

// Observe queues an event, or drops it if too many wait. It never blocks.
func (f *Feed) Observe(event any) {
	at := time.Now()
	f.mu.Lock()
	if f.closed || f.waiting == len(f.queue) {
		f.mu.Unlock()
		f.dropped.Add(1)
		return
	}
	f.queue[(f.first+f.waiting)%len(f.queue)] = happened{event, at}
	f.waiting++
	alone := f.waiting == 1
	f.mu.Unlock()
	if alone { // else somebody has seen to it already
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// Dropped is how many events the listener has not been told of.
func (f *Feed) Dropped() uint64 { return f.dropped.Load() }

// Close ends the feed when the listener has been told of what waits. It gives up one who takes longer than a second for that: the goroutine
// then stays with him.
func (f *Feed) Close() {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.closing)
	}
	f.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-timer.C:
	}
}

func (f *Feed) run() {
	defer close(f.done)
	var batch []happened
	for {
		select {
		case <-f.wake:
		case <-f.closing:
			f.handleAll(f.take(batch))
			return
		}
		batch = f.take(batch)
		f.handleAll(batch)
		clear(batch)
		select {
		case <-time.After(rest):
		case <-f.closing:
		}
	}
}

// take empties the queue, into the room of the batch before.
func (f *Feed) take(room []happened) []happened {
	f.mu.Lock()
	defer f.mu.Unlock()
	batch := room[:0]
	for ; f.waiting > 0; f.waiting-- {
		batch = append(batch, f.queue[f.first])
		f.queue[f.first] = happened{}
		f.first = (f.first + 1) % len(f.queue)
	}
	return batch
}

func (f *Feed) handleAll(batch []happened) {
	for _, h := range batch {
		f.tell(h.event, h.at)
	}
}

// Direct has a listener told of each event by the goroutine that publishes it. It must not wait.
type Direct struct{ listener }

// NewDirect makes one; see New for the rest.
func NewDirect(log *slog.Logger, handle func(event any)) *Direct {
	return &Direct{listener{handle: func(event any, _ time.Time) { handle(event) }, log: log}}
}

// Observe tells the listener.
func (d *Direct) Observe(event any) { d.tell(event, time.Time{}) }

// listener is who is told, and whose panics are caught.
type listener struct {
	handle   func(event any, at time.Time)
	log      *slog.Logger
	panicked atomic.Uint64
}

// Panicked is how often the listener has panicked.
func (l *listener) Panicked() uint64 { return l.panicked.Load() }

func (l *listener) tell(event any, at time.Time) {
	defer func() {
		if reason := recover(); reason != nil && l.panicked.Add(1) == 1 && l.log != nil {
			l.log.Error("a listener to the proxy's events panicked; further panics of it are only counted",
				"event", fmt.Sprintf("%T", event), "reason", fmt.Sprint(reason))
		}
	}()
	l.handle(event, at)
}

// All has several told of each event, in this order: nil ones are left out.
func All(each ...func(event any)) func(event any) {
	var there []func(event any)
	for _, observe := range each {
		if observe != nil {
			there = append(there, observe)
		}
	}
	return func(event any) {
		for _, observe := range there {
			observe(event)
		}
	}
}
