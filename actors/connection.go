package actors

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

type addrPort = netip.AddrPort

// The two ends of a connection.
type side uint8

const (
	client side = iota
	server
	sides
)

// other is the opposite end.
func (s side) other() side { return 1 - s }

// The two directions, each by the side that its bytes come from.
const (
	up   = client // client → server
	down = server // server → client
)

// state is where a session stands; it only ever moves forward.
//
//	connecting ──destination accepted──▶ relaying ──an ending, see review──▶ closing
//	connecting ──client gone, destination unreachable, …──────────────────▶ closing
type state uint32

const (
	connecting state = iota
	relaying
	closing
)

var stateNames = [...]string{"connecting", "relaying", "closing"}

func (s state) String() string { return stateNames[s] }

// connection is what must not be lost when an actor dies: the sockets, the flows, and what has happened to them. The session owns it:
// it alone opens and closes; its children borrow. It outlives every incarnation of the session and of its children, and ends with
// the session. Fields belong to the lane's goroutine; the atomic ones may be read from any.
type connection struct {
	id   uint64
	lane *lane
	pid  *actor.PID // the session
	box  mailbox    // the session's
	peer [sides]addrPort

	state   atomic.Uint32
	fd      int32  // the client's descriptor, until the session's lane watches it; then -1
	lives   uint32 // incarnations of the session so far
	cause   messages.Cause
	stirred bool              // bytes have moved since the session last found everything at rest
	early   [sides]wire.Event // what the loop said before there were children to tell
	shut    [sides]bool       // by direction: its end has been passed on
	socket  [sides]wire.Socket
	flow    [sides]wire.Flow // by the side that the bytes come from
	failed  [sides]syscall.Errno
	crew    [roles]member
	ledgers *[roles]ledger // the children's failures; nil until the first
	dialing *dialing       // while connecting
	watch   vigil

	err error

	opened int64               // Loop.Now
	moved  [sides]atomic.Int64 // by direction: Loop.Now when bytes last moved
	timer  wire.Timer

	next, prev *connection // in lane.first
}

func (c *connection) now() state { return state(c.state.Load()) }

func (c *connection) become(s state) { c.state.Store(uint32(s)) }

// ring sends a bell to a child. It goes straight into the mailbox, not through the PID: on the data path the look-up of the process
// behind a PID is as much work as all the rest, and would only find this mailbox. If that child is gone, its successor looks at
// everything when it starts.
func (c *connection) ring(r role, bell any) { c.crew[r].box.PostUserMessage(bell) }

// tell sends a bell to the session, as ring does to a child.
func (c *connection) tell(bell any) { c.box.PostUserMessage(bell) }

// note records that bytes of a direction moved, and wakes the session's watch if it had gone to rest.
func (c *connection) note(direction side) {
	c.moved[direction].Store(c.lane.loop.Now())
	if !c.stirred {
		c.stirred = true
		c.tell(messages.Stirred{})
	}
}

// over reports whether nothing of a direction will be delivered any more: all is, or it cannot be.
func (c *connection) over(direction side) bool {
	f := &c.flow[direction]
	return f.IsCut() || f.Ended() && !f.Held()
}

// acknowledged reports whether a direction is over and the peer has all of it, or was reset and will never say so.
func (c *connection) acknowledged(direction side) bool {
	sink := direction.other()
	return c.over(direction) && (c.flow[direction].IsCut() || c.failed[sink] != 0 || c.socket[sink].Unsent() == 0)
}

// release closes the sockets, in the way that the cause asks for, and gives back what the flows hold. It may be called again.
func (c *connection) release() {
	c.become(closing)
	c.lane.loop.Disarm(&c.timer)
	for r := range roles {
		c.disarm(r)
	}
	if c.dialing != nil {
		c.dialing.abandon(c.lane.hub)
		c.dialing = nil
	}
	if c.fd >= 0 { // the session died before it could watch its client
		wire.ResetDescriptor(int(c.fd))
		c.fd = -1
	}
	for s := range sides {
		if c.orderly() {
			c.socket[s].Close()
		} else {
			c.socket[s].Reset()
		}
		c.flow[s].Discard(c.lane.loop)
	}
}

// orderly reports whether the peers shall see a FIN, not a RST: only if no byte is missing.
func (c *connection) orderly() bool {
	switch c.cause {
	case messages.CauseFinished:
		return true
	case messages.CauseIdle:
		return !c.flow[up].Held() && !c.flow[down].Held()
	}
	return false
}

// The sockets' handlers: the connection itself, seen from one side. An event of a closing session is no news.
type (
	clientSide connection
	serverSide connection
)

// Ready is told by the loop.
func (c *clientSide) Ready(e wire.Event) { (*connection)(c).ready(client, e) }

// Ready is told by the loop.
func (c *serverSide) Ready(e wire.Event) { (*connection)(c).ready(server, e) }

func (c *connection) ready(s side, e wire.Event) {
	switch c.now() {
	case connecting:
		c.early[s] |= e
		if e&wire.Broken != 0 {
			c.tell(messages.Review{})
		}
	case relaying:
		if e&wire.Readable != 0 {
			c.ring(readerOf(s), messages.Readable{})
		}
		// A writer with nothing to write need not know of space.
		if e&wire.Writable != 0 && c.flow[s.other()].Held() {
			c.ring(writerOf(s), messages.Writable{})
		}
	}
}

// ledger is where the failures of a child are noted.
func (c *connection) ledger(r role) *ledger {
	if c.ledgers == nil {
		c.ledgers = new([roles]ledger)
	}
	return &c.ledgers[r]
}

// delay is the restart that a child waits for, if the backoff strategy makes it wait.
func (c *connection) delay(r role) *delayed {
	if c.ledgers == nil {
		return nil
	}
	return c.ledgers[r].delay
}

// disarm makes a delayed restart not happen.
func (c *connection) disarm(r role) {
	if d := c.delay(r); d != nil {
		c.lane.loop.Disarm(&d.timer)
		c.ledgers[r].delay = nil
	}
}

// roleOf finds a child by its PID.
func (c *connection) roleOf(who *actor.PID) (role, bool) {
	for r := range roles {
		if m := &c.crew[r]; m.pid != nil && m.pid.Equal(who) {
			return r, true
		}
	}
	return 0, false
}
