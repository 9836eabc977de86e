package actors

import (
	"net/netip"
	"time"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/actors/survival"
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

// state is where a session stands. There is one behavior for each, a method of Session, in the file named here.
//
//	connecting ── the destination has accepted                        ──▶ relaying     connect.go
//	relaying   ── a side was reset                                    ──▶ delivering   ending.go
//	relaying   ── both directions are over, one since its sink failed ──▶ lingering    ending.go
//	lingering  ── a side was reset                                    ──▶ delivering   ending.go
//	any        ── an ending: all is delivered, a timeout, an order, … ──▶ closing      session.go
//
// Half-closed is not a state of its own: a direction that is over says so in its flow, and the other goes on.
type state uint8

const (
	connecting state = iota
	relaying
	delivering
	lingering
	closing
)

var stateNames = [...]string{"connecting", "relaying", "delivering", "lingering", "closing"}

func (s state) String() string { return stateNames[s] }

// relays reports whether the children have anything to do: not before the destination has accepted, and not after the sockets are closed.
func (s state) relays() bool { return s > connecting && s < closing }

// connection is what must not be lost when an actor dies: the sockets, the flows, and what has happened to them. The session owns it:
// it alone opens and closes; its children borrow. It outlives every incarnation of the session and of its children, and every session:
// one that stopped although nobody had ordered it leaves the connection to the next. All of it belongs to the lane's goroutine.
type connection struct {
	id       uint64
	endpoint *endpoint
	session  child
	children [roles - RoleClientReader]child
	failures *[roles - RoleSession]failures // of the session and its children; nil until the first

	peer   [sides]addrPort
	socket [sides]wire.Socket
	flow   [sides]wire.Flow // by the side that the bytes come from
	failed [sides]errnum    // by side: what its reset was told with; 0 if it was not reset
	fd     int32            // the client's descriptor, until the lane watches it; then -1

	state  state
	cause  messages.Cause    // set as soon as the ending has a name: by an order, or by what is being waited for
	active bool              // bytes have moved since the session last found everything at rest
	early  [sides]wire.Event // what the loop said before there were children to tell
	shut   [sides]bool       // by direction: its end has been passed on
	told   bool              // SessionClosed has been published
	err    error             // what the ending is told with

	dialing  *dialing // while connecting
	progress progress
	opened   int64 // Loop.Now
	timer    wire.Timer

	next, prev *connection // in endpoint.newest
}

// errnum is a syscall.Errno in a quarter of the room: with this, a connection fits into a kilobyte.
type errnum uint16

func newConnection(e *endpoint, id uint64, a arrival) *connection {
	c := &connection{id: id, endpoint: e, fd: int32(a.fd), opened: e.lane.loop.Now()}
	c.peer[client] = a.from
	c.session.role, c.session.conn = RoleSession, c
	for i := range c.children {
		c.children[i].role, c.children[i].conn = RoleClientReader+Role(i), c
	}
	return c
}

// child is what is kept of one of the session's children.
func (c *connection) child(r Role) *child { return &c.children[r-RoleClientReader] }

// note records that bytes of a direction moved, and wakes the session's watchdog if it had gone to rest.
func (c *connection) note(direction side) {
	c.progress.moved[direction] = c.endpoint.lane.loop.Now()
	c.keepMoved(direction)
	if !c.active {
		c.active = true
		c.session.ring(active)
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

// settle names the ending, unless it has a name already.
func (c *connection) settle(cause messages.Cause, err error) {
	if c.cause == messages.CauseNone {
		c.cause = cause
		if err != nil {
			c.err = err
		}
		c.keepCause()
	}
}

// release closes the sockets, in the way that the cause asks for, and gives back what the flows hold. It may be called again.
func (c *connection) release() {
	c.state = closing
	loop := c.endpoint.lane.loop
	loop.Disarm(&c.timer)
	c.session.cancelRestart(c.endpoint)
	for i := range c.children {
		c.children[i].cancelRestart(c.endpoint)
	}
	if c.dialing != nil {
		c.dialing.abandon(c.endpoint)
		c.dialing = nil
	}
	if c.fd >= 0 { // the session died before it could have its client watched
		wire.ResetDescriptor(int(c.fd))
		c.fd = -1
	}
	for s := range sides {
		if c.orderly() {
			c.socket[s].Close()
		} else {
			c.socket[s].Reset()
		}
		wire.Seam("close: closed")
	}
	for d := range sides {
		c.flow[d].Discard(loop)
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

// publishClosed is the very last act of a connection, by whoever comes to it first: mostly its session, but the listener if the end was
// decided when that had stopped already.
func (c *connection) publishClosed() {
	if c.told {
		return
	}
	c.told = true
	c.mark(survival.MarkTold)
	age := max(c.endpoint.lane.loop.Since()-time.Duration(c.opened), 0)
	publish(c.endpoint, messages.SessionClosed{
		ID: c.id, PID: c.session.pid.Id, Client: c.peer[client], Server: c.peer[server], Cause: c.cause, Err: c.err,
		BytesClientToServer: c.flow[up].Moved(), BytesServerToClient: c.flow[down].Moved(), Age: age,
	})
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
	switch {
	case c.state == connecting:
		c.early[s] |= e
		if e&wire.Broken != 0 {
			c.session.ring(review)
		}
	case c.state.relays():
		if e&wire.Readable != 0 {
			c.child(readerOf(s)).ring(readable)
		}
		// A writer with nothing to write need not know of space.
		if e&wire.Writable != 0 && c.flow[s.other()].Held() {
			c.child(writerOf(s)).ring(writable)
		}
	}
}
