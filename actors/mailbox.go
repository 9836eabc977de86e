package actors

import (
	"math/bits"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
)

// mailbox runs one actor on its lane's loop.
//
// Why not the library's mailboxes with a synchronized dispatcher? That runs an idle actor on whatever goroutine happens to send to it:
// on the loop mostly, but on a test's or an HTTP handler's when those send. Then two goroutines would touch one session's sockets. Here
// a message from anywhere makes the mailbox wait in the loop's queue, so all actors of a session run on one goroutine, in turn, and
// nothing that they share needs a lock. It is cheaper, too: a doorbell is a bit, set by one atomic instruction, without any allocation.
//
// # States
//
//	idle    ──a message──▶ queued ──its turn──▶ running ──done──▶ idle, or queued if messages came meanwhile
//	running ──panic──▶ suspended: only system messages are handled ──Resume, or a new incarnation──▶ running
//	any     ──Stop──▶ stopping: a Restart that comes later is dropped, for the library would re-incarnate the stopped actor
//
// As everywhere in the library, system messages come first, in the order in which they came (but for a Stop: those that came before it is
// handled precede it), and the message in hand is lost in a panic.
type mailbox struct {
	task     wire.Task
	endpoint *endpoint
	child    *child // the actor's place in the tree
	invoker  actor.MessageInvoker

	state   atomic.Uint32            // one bit for each bell that has rung, and those below
	waiting atomic.Int32             // user messages in inbox and taken
	inbox   atomic.Pointer[envelope] // messages that are not bells, newest first, from any goroutine
	taken   *envelope                // those that have been taken out of the inbox, oldest first
}

// envelope holds a message that is not a bell.
type envelope struct {
	next    *envelope
	message any
	system  bool
}

const (
	queued       = 1 << 31 // the mailbox waits in its loop's queue
	suspended    = 1 << 30 // the actor has failed, and its supervisor has not answered yet
	stopping     = 1 << 29 // the actor has been told to stop
	startPending = 1 << 28 // Started waits, before any other message
	stopPending  = 1 << 27 // Stop waits, behind all other system messages
	rung         = stopPending - 1
)

// Every actor is started and stopped, so these two are bits like the bells.
var (
	startedMessage = &actor.Started{}
	stopMessage    = &actor.Stop{}
)

// open makes an unused mailbox ready for an actor in a place of the tree.
func (m *mailbox) open(e *endpoint, c *child) *mailbox {
	m.endpoint, m.child = e, c
	m.task.Bind(m)
	return m
}

// is reports whether a bit of the state is set. From any goroutine.
func (m *mailbox) is(bit uint32) bool { return m.state.Load()&bit != 0 }

// ring may be called from any goroutine.
func (m *mailbox) ring(b bell) { m.queue(1 << b) }

// PostUserMessage may be called from any goroutine.
func (m *mailbox) PostUserMessage(message any) {
	if b, ok := bellOf(message); ok {
		m.ring(b)
		return
	}
	m.waiting.Add(1)
	m.push(&envelope{message: message})
}

// PostSystemMessage may be called from any goroutine.
func (m *mailbox) PostSystemMessage(message any) {
	switch message.(type) {
	case *actor.Started:
		m.queue(startPending)
	case *actor.Stop:
		m.queue(stopPending)
	default:
		m.push(&envelope{message: message, system: true})
	}
}

func (m *mailbox) push(e *envelope) {
	for {
		e.next = m.inbox.Load()
		if m.inbox.CompareAndSwap(e.next, e) {
			break
		}
	}
	m.queue(0)
}

func (m *mailbox) queue(bit uint32) {
	if m.state.Or(bit|queued)&queued == 0 {
		m.endpoint.lane.loop.Post(&m.task)
	}
}

// RegisterHandlers is called once, before any message; the dispatcher is the loop, whatever the Props say.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start is called once, after the first message, Started, has been posted.
func (m *mailbox) Start() {}

// UserMessageCount is how many messages wait, the bells that have rung included. From any goroutine.
func (m *mailbox) UserMessageCount() int {
	return bits.OnesCount32(m.state.Load()&rung) + int(m.waiting.Load())
}

// Run has the actor handle what waits. What is posted meanwhile, by the actor to itself for instance, waits for the next turn.
func (m *mailbox) Run() {
	bellsRung := m.state.And(^uint32(queued)) & rung
	m.fetch()
	if !m.handle(bellsRung) && m.taken != nil {
		m.queue(0) // the actor panicked with messages left over
	}
}

// fetch takes the messages out of the inbox, behind those that wait already.
func (m *mailbox) fetch() {
	if m.inbox.Load() == nil {
		return // most often; and a load is cheap
	}
	newest := m.inbox.Swap(nil)
	var oldest *envelope
	for newest != nil {
		newest.next, oldest, newest = oldest, newest, newest.next
	}
	last := &m.taken
	for *last != nil {
		last = &(*last).next
	}
	*last = oldest
}

// take removes the oldest message of a kind from those that have been fetched; nil if there is none.
func (m *mailbox) take(system bool) *envelope {
	for at := &m.taken; *at != nil; at = &(*at).next {
		if e := *at; e.system == system {
			*at = e.next
			return e
		}
	}
	return nil
}

// handle hands the waiting messages to the actor; it reports whether that went without a panic.
func (m *mailbox) handle(bellsRung uint32) (ok bool) {
	var inHand any
	defer func() {
		if !ok {
			reason := recover()
			m.child.noteFailure(m.endpoint)
			m.invoker.EscalateFailure(reason, inHand)
		}
	}()
	left := m.waiting.Load() // what comes later waits for the next turn
	for {
		if m.state.Load()&startPending != 0 {
			m.state.And(^uint32(startPending))
			inHand = startedMessage
			m.invoker.InvokeSystemMessage(inHand)
			m.fetch() // what the actor sent itself by this comes before any user message; so below
			continue
		}
		if m.taken != nil {
			if e := m.take(true); e != nil {
				inHand = e.message
				m.handleSystem(inHand)
				m.fetch()
				continue
			}
		}
		switch state := m.state.Load(); {
		case state&stopPending != 0:
			m.state.And(^uint32(stopPending))
			m.state.Or(stopping)
			inHand = stopMessage
			m.invoker.InvokeSystemMessage(inHand)
			m.fetch()
		case state&suspended != 0:
			return true
		case bellsRung != 0:
			b := bits.TrailingZeros32(bellsRung)
			bellsRung &= bellsRung - 1
			m.state.And(^(uint32(1) << b))
			inHand = bellMessages[b]
			m.invoker.InvokeUserMessage(inHand)
		case m.taken != nil && left > 0:
			left--
			inHand = m.take(false).message
			m.waiting.Add(-1)
			m.invoker.InvokeUserMessage(inHand)
		default:
			if m.taken != nil {
				m.queue(0)
			}
			return true
		}
	}
}

func (m *mailbox) handleSystem(message any) {
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.state.Or(suspended)
		return
	case *actor.ResumeMailbox:
		m.state.And(^uint32(suspended))
		return
	case *actor.Restart:
		if m.is(stopping) {
			return
		}
	}
	m.endpoint.lane.making = m.child // the message may end in a new incarnation: see declare
	m.invoker.InvokeSystemMessage(message)
}
