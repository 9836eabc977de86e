package wire

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Runner is what a Loop runs: a posted Task or a due Timer. Run is called on the loop's goroutine. It must not block, and must not
// panic: a panic here ends the process.
type Runner interface{ Run() }

// Task is the link by which a Runner waits in a Loop's queue. It belongs into the struct that it runs, so that posting allocates
// nothing. A task that waits must not be posted again before it runs.
type Task struct {
	next   *Task
	runner Runner
	heavy  bool // it moved much when it last ran; see Loop.runPosted
}

// Bind says what the task runs. Once, before the first Post.
func (t *Task) Bind(r Runner) { t.runner = r }

const (
	// turnBytes is how many bytes may move before the loop looks for new events again. It bounds how long somebody with one byte
	// waits for those with gigabytes; they in turn lose one system call per so many bytes.
	turnBytes = 256 << 10
	// heavyBytes is how many bytes a task must have moved in one run to wait among its like the next time.
	heavyBytes = 64 << 10
	// turnRounds bounds the same for tasks that move no bytes but post each other.
	turnRounds = 16
	// hops is how far a task's consequences are followed before others have their turn: a reader, its writer, the reader's answer.
	hops = 2
	// yieldEvery keeps a busy loop from looking stuck to the Go runtime. A goroutine that was not rescheduled for 10 ms is sent signals
	// to preempt it, and loses its processor at the next system call, which keeps the runtime's monitor thread busy as well. Parking
	// instead, every few milliseconds, was tried: it lets the monitor sleep, and waking that one costs more than yielding.
	yieldEvery = 8 * time.Millisecond
	// eventsAtOnce is how many events one system call may return.
	eventsAtOnce = 256
)

// Loop is a readiness loop. Its goroutine (the one that calls Run) runs handlers of ready sockets, due timers and posted tasks, one
// after the other. Tasks run in rounds, in the order in which they were posted; but for its next few consequences (see followUp), what a
// round posts runs in the next one, so that everyone has had a turn before anyone has many. Tasks that move bytes in bulk wait in a
// queue of their own: between two of them all others have a turn.
type Loop struct {
	poller poller
	slots  []slot  // the sockets being watched
	free   []int32 // indices of unused slots

	posted  atomic.Pointer[Task] // a stack: newest first
	later   queue                // fetched from posted, for the next round
	heavy   queue                // the same, those that move bytes in bulk
	asleep  atomic.Bool          // the loop waits, or is about to: whoever posts must wake it
	closing atomic.Bool
	waking  sync.Mutex // held while the wake-up descriptor is written to, or closed
	closed  bool       // it is closed: its number may be another's by now; under waking

	now   int64 // nanoseconds since start, read once per wake-up
	start time.Time
	spent int // bytes moved in this turn
	wheel wheel

	yielded bool // see Yield

	meter meter

	buffers bufferPool
	pipes   pipePool
	notes   []Note // see KeepOutside
}

// slot is one place in the table of watched sockets. An event carries its index and its generation. The generation grows when the
// slot is given up: so an event that was fetched before its socket was closed never reaches the socket's successor.
type slot struct {
	socket *Socket
	life   int32
}

// NewLoop makes a loop; it holds two descriptors until Run returns. maxPipes bounds the kernel pipes that bulk flows may hold at
// a time (two descriptors each); a flow that gets none uses buffers.
func NewLoop(maxPipes int) (*Loop, error) {
	l := &Loop{start: time.Now()}
	l.pipes.max = maxPipes
	l.wheel.init()
	if err := l.poller.open(); err != nil {
		return nil, err
	}
	return l, nil
}

// Run works until Close. It returns on the goroutine that called it, after releasing what the loop holds itself; sockets are their
// owners' to close, before.
func (l *Loop) Run() {
	defer l.release()
	l.now = int64(time.Since(l.start))
	yielded := l.now
	for !l.closing.Load() {
		l.runPosted()
		if l.meter.on {
			l.meter.turn(l.now, int64(time.Since(l.start)))
		}
		l.wait()
		l.now = int64(time.Since(l.start))
		l.wheel.advance(l.now)
		if l.now-yielded > int64(yieldEvery) {
			runtime.Gosched()
			yielded = l.now
		}
	}
}

func (l *Loop) release() {
	l.waking.Lock()
	l.closed = true
	l.poller.close()
	l.waking.Unlock()
	l.pipes.closeAll()
}

// wake ends the loop's sleep. It may come when the loop has returned: whoever calls it cannot know.
func (l *Loop) wake() {
	l.waking.Lock()
	if !l.closed {
		l.poller.wake()
	}
	l.waking.Unlock()
}

// Close makes Run return soon. It may be called from any goroutine, more than once.
func (l *Loop) Close() {
	l.closing.Store(true)
	l.wake()
}

// Post queues a task. It may be called from any goroutine, takes no lock unless the loop sleeps, and allocates nothing.
func (l *Loop) Post(t *Task) {
	for {
		top := l.posted.Load()
		t.next = top
		if l.posted.CompareAndSwap(top, t) {
			break
		}
	}
	// On the loop's own goroutine the loop is awake, and this is a single load.
	if l.asleep.Load() && l.asleep.CompareAndSwap(true, false) {
		l.wake()
	}
}

// Now is the time of this wake-up, in nanoseconds since the loop was made. Only on the loop's goroutine.
func (l *Loop) Now() int64 { return l.now }

// Since is the time since the loop was made, read afresh; from any goroutine.
func (l *Loop) Since() time.Duration { return time.Since(l.start) }

// Yield ends the turn after the task that runs: the loop looks for events before it goes on with what waits. It is for a long task that
// goes on in slices: one that only posted itself again would have many turns before the sockets have one. Only on the loop's goroutine.
func (l *Loop) Yield() { l.spent, l.yielded = l.spent+turnBytes, true }

// spend notes that n bytes moved in this turn.
func (l *Loop) spend(n int) { l.spent += n }

// runPosted runs rounds of tasks until none is left or the turn is spent, and then the heavy ones, until the turn is spent. One heavy
// task has its turn in any case, so neither kind can starve the other.
func (l *Loop) runPosted() {
	l.spent, l.yielded = 0, false
	for round := 0; round < turnRounds && l.spent < turnBytes; round++ {
		l.sort(l.fetch())
		t := l.later.first
		if t == nil {
			break
		}
		l.later = queue{}
		for t != nil {
			next := t.next
			l.run(t)
			l.followUp()
			t = next
		}
	}
	for again := true; again && l.heavy.first != nil; again = l.spent < turnBytes {
		t := l.heavy.take()
		l.run(t)
		l.followUp()
	}
}

// followUp runs what the last task has posted, before the next of its round has its turn: a reader's writer finds the chunk, and all
// that leads to it, in the processor's cache. It is a bounded favour: what follows after that waits for the next round, out of the
// sight of the next task's follow-up.
func (l *Loop) followUp() {
	for hop := 0; l.posted.Load() != nil; hop++ {
		t := l.fetch()
		if hop == hops || l.yielded {
			l.sort(t)
			return
		}
		for t != nil {
			next := t.next
			if hop > 0 && t.heavy {
				l.heavy.add(t)
			} else {
				l.run(t)
			}
			t = next
		}
	}
}

// run runs a task, and notes whether it is a heavy one.
func (l *Loop) run(t *Task) {
	before := l.spent
	t.next = nil
	t.runner.Run()
	t.heavy = l.spent-before >= heavyBytes
}

// sort puts tasks where they have to wait.
func (l *Loop) sort(t *Task) {
	for t != nil {
		next := t.next
		if t.heavy {
			l.heavy.add(t)
		} else {
			l.later.add(t)
		}
		t = next
	}
}

// fetch takes what has been posted, oldest first.
func (l *Loop) fetch() *Task { return oldestFirst(l.posted.Swap(nil)) }

// queue is a list of tasks for the loop's goroutine.
type queue struct{ first, last *Task }

// add puts a task behind those that wait.
func (q *queue) add(t *Task) {
	t.next = nil
	if q.first == nil {
		q.first = t
	} else {
		q.last.next = t
	}
	q.last = t
}

// take removes the first task.
func (q *queue) take() *Task {
	t := q.first
	if q.first = t.next; q.first == nil {
		q.last = nil
	}
	return t
}

// oldestFirst turns the stack of posted tasks into the order in which they came.
func oldestFirst(t *Task) *Task {
	var out *Task
	for t != nil {
		t.next, out, t = out, t, t.next
	}
	return out
}

// wait fetches events and hands them to their sockets. It sleeps only if no task waits and no timer is due.
func (l *Loop) wait() {
	timeout := l.wheel.until(l.now)
	l.asleep.Store(true)
	if l.posted.Load() != nil || l.later.first != nil || l.heavy.first != nil || l.closing.Load() {
		timeout = 0 // somebody may have posted before they could see that we are about to sleep
	}
	l.poller.wait(timeout)
	l.asleep.Store(false)
	l.poller.each(l.dispatch)
}

func (l *Loop) dispatch(index, life int32, e Event) {
	if s := &l.slots[index]; s.life == life && s.socket != nil {
		s.socket.ready(e)
	}
}

// watch gives the socket a slot and has the poller watch it.
func (l *Loop) watch(s *Socket) error {
	if len(l.free) == 0 {
		l.free = append(l.free, int32(len(l.slots)))
		l.slots = append(l.slots, slot{})
	}
	index := l.free[len(l.free)-1]
	sl := &l.slots[index]
	if err := l.poller.add(int(s.fd), index, sl.life); err != nil {
		return err
	}
	l.free = l.free[:len(l.free)-1]
	sl.socket, s.slot = s, index
	return nil
}

// forget frees the socket's slot. The system stops watching when the descriptor is closed.
func (l *Loop) forget(s *Socket) {
	sl := &l.slots[s.slot]
	sl.socket = nil
	sl.life++
	l.free = append(l.free, s.slot)
}
