package actors

import (
	"math/bits"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
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
	task    wire.Task
	conn    *connection // of the session that the actor belongs to; for the acceptor and the listener an empty one with their lane
	invoker actor.MessageInvoker

	state   atomic.Uint32          // one bit for each bell that has rung, and those below
	waiting atomic.Int32           // user messages in inbox and user
	inbox   atomic.Pointer[letter] // other messages, newest first, from any goroutine
	system  *letter                // system messages that have been taken out of the inbox, oldest first
	user    *letter                // user messages, the same
}

// letter is a message that has no bit of its own.
type letter struct {
	next    *letter
	message any
	system  bool
}

const (
	queued    = 1 << 31 // the mailbox waits in its loop's queue
	suspended = 1 << 30 // the actor has failed, and its supervisor has not answered yet
	stopping  = 1 << 29 // the actor has been told to stop
	born      = 1 << 28 // Started waits, before any other message
	doomed    = 1 << 27 // Stop waits, behind all other system messages
	rings     = doomed - 1
)

// Every actor is started and stopped, so these two are bits like the bells.
var (
	started = &actor.Started{}
	stop    = &actor.Stop{}
)

// The bells, by bit. A mailbox that is run hands out those that have rung in this order.
var bellByBit = [...]any{
	messages.Readable{}, messages.Writable{}, messages.Filled{}, messages.Drained{}, messages.Revive{}, messages.Review{},
	messages.Stirred{}, messages.Arrived{}, &actor.ReceiveTimeout{},
}

// bitOfBell is the inverse of bellByBit; 0 for a message that is not a bell.
func bitOfBell(message any) uint32 {
	switch message.(type) {
	case messages.Readable:
		return 1 << 0
	case messages.Writable:
		return 1 << 1
	case messages.Filled:
		return 1 << 2
	case messages.Drained:
		return 1 << 3
	case messages.Revive:
		return 1 << 4
	case messages.Review:
		return 1 << 5
	case messages.Stirred:
		return 1 << 6
	case messages.Arrived:
		return 1 << 7
	case *actor.ReceiveTimeout:
		return 1 << 8
	}
	return 0
}

// newMailbox makes a mailbox for an actor whose connection has no place for one.
func newMailbox(conn *connection) *mailbox { return new(mailbox).open(conn) }

// open makes an unused mailbox ready.
func (m *mailbox) open(conn *connection) *mailbox {
	m.conn = conn
	m.task.Bind(m)
	return m
}

// is reports whether a bit of the state is set. From any goroutine.
func (m *mailbox) is(bit uint32) bool { return m.state.Load()&bit != 0 }

// PostUserMessage may be called from any goroutine.
func (m *mailbox) PostUserMessage(message any) {
	if bell := bitOfBell(message); bell != 0 {
		m.queue(bell)
		return
	}
	m.waiting.Add(1)
	m.push(&letter{message: message})
}

// PostSystemMessage may be called from any goroutine.
func (m *mailbox) PostSystemMessage(message any) {
	switch message.(type) {
	case *actor.Started:
		m.queue(born)
	case *actor.Stop:
		m.queue(doomed)
	default:
		m.push(&letter{message: message, system: true})
	}
}

func (m *mailbox) push(l *letter) {
	for {
		l.next = m.inbox.Load()
		if m.inbox.CompareAndSwap(l.next, l) {
			break
		}
	}
	m.queue(0)
}

func (m *mailbox) queue(bell uint32) {
	if m.state.Or(bell|queued)&queued == 0 {
		m.conn.lane.loop.Post(&m.task)
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
	return bits.OnesCount32(m.state.Load()&rings) + int(m.waiting.Load())
}

// Run has the actor handle what waits. What is posted meanwhile, by the actor to itself for instance, waits for the next turn.
func (m *mailbox) Run() {
	m.conn.lane.turn = m
	rung := m.state.And(^uint32(queued)) & rings
	m.sort()
	if !m.handle(rung) && (m.user != nil || m.system != nil) {
		m.queue(0) // the actor panicked with letters left over
	}
}

// sort takes the letters out of the inbox, behind those that wait already.
func (m *mailbox) sort() {
	if m.inbox.Load() == nil {
		return // most often; and a load is cheap
	}
	newest := m.inbox.Swap(nil)
	var system, user *letter // oldest first
	for l := newest; l != nil; {
		next := l.next
		if l.system {
			l.next, system = system, l
		} else {
			l.next, user = user, l
		}
		l = next
	}
	m.system = appendLetters(m.system, system)
	m.user = appendLetters(m.user, user)
}

func appendLetters(first, more *letter) *letter {
	if first == nil {
		return more
	}
	last := first
	for last.next != nil {
		last = last.next
	}
	last.next = more
	return first
}

// handle hands the waiting messages to the actor; it reports whether that went without a panic.
func (m *mailbox) handle(rung uint32) (ok bool) {
	var inHand any
	defer func() {
		if !ok {
			m.invoker.EscalateFailure(recover(), inHand)
		}
	}()
	letters := m.waiting.Load() // what comes later waits for the next turn
	for {
		switch state := m.state.Load(); {
		case state&born != 0:
			m.state.And(^uint32(born))
			inHand = started
			m.invoker.InvokeSystemMessage(inHand)
			m.sort()
		case m.system != nil:
			inHand, m.system = m.system.message, m.system.next
			m.handleSystem(inHand)
			m.sort() // what the actor sent itself by this comes before any user message
		case state&doomed != 0:
			m.state.And(^uint32(doomed))
			m.state.Or(stopping)
			inHand = stop
			m.invoker.InvokeSystemMessage(inHand)
			m.sort()
		case state&suspended != 0:
			return true
		case rung != 0:
			bit := bits.TrailingZeros32(rung)
			rung &= rung - 1
			m.state.And(^(uint32(1) << bit))
			inHand = bellByBit[bit]
			m.invoker.InvokeUserMessage(inHand)
		case m.user != nil && letters > 0:
			letters--
			inHand, m.user = m.user.message, m.user.next
			m.waiting.Add(-1)
			m.invoker.InvokeUserMessage(inHand)
		default:
			if m.user != nil {
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
	m.invoker.InvokeSystemMessage(message)
}
