package actors

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/actors/survival"
	"tcpproxy/messages"
)

// endpoint is what must not be lost when a listener, an acceptor or chaos dies: the listening socket, the clients that have been accepted
// and have no session yet, the connections, and the orders of the proxy's owner. It is to them what connection is to a session. The
// listener owns it; the acceptor and chaos borrow it. It ends when the listener has done the order to end.
//
// There is one for each loop, and nothing in it is shared with another: all of it belongs to the lane's goroutine, but for live.
type endpoint struct {
	*shared
	name   string // the listener's PID
	index  int    // which of shared.endpoints it is, from 0
	lane   *lane
	table  *survival.Table    // what outlives the process; nil if nothing shall
	system *actor.ActorSystem // its own, so that not even the registry of actors is shared with other lanes
	deaf   int32              // how many have subscribed to its events who do not care for the proxy's: the library's own
	props  [roles]*actor.Props

	listener, acceptor, chaos child
	failures                  [RoleSession]failures // theirs

	fd       int // the listening descriptor, until the acceptor has the lane watch it; -1 when it is closed
	socket   wire.Socket
	accepted []arrival // clients on their way from the acceptor to the listener
	paused   bool      // the acceptor leaves clients in the backlog
	retry    wire.Timer

	connections map[uint64]*connection // live ones, by their session's number
	newest      *connection            // the same as a list, for visits in slices
	visiting    *connection            // where such a visit stands; see survey
	served      uint64                 // sessions so far
	live        atomic.Int64           // len(connections); other lanes read it
	handedOver  atomic.Int64           // clients given to other lanes; for tests
	moved       [sides]atomic.Uint64   // by direction: bytes that sinks have taken, of all sessions there have been; see Stats
	takes       atomic.Bool            // clients from other lanes, since the socket is not closed yet

	stage     stage
	standing  chan struct{} // closed when the listener has spawned its helpers for the first time
	stood     bool
	announced bool // ListenerOpened has been published
	closed    bool // the order to drain or to end has been begun
	deadline  wire.Timer
	resolver  resolver
	dice      *dice
}

// stage is how far the owner has ordered an endpoint to go. It only ever moves forward. The order stands here, not in a message, so that
// it is obeyed by whichever listener there is.
//
//	serving ──Drain──▶ draining ──EndAll, or Config.DrainTimeout──▶ ending
//	serving ──EndAll──▶ ending
//
// From draining or ending, the endpoint is finished when the last connection is gone.
type stage uint8

const (
	serving stage = iota
	draining
	ending
)

var stageNames = [...]string{"serving", "draining", "ending"}

// arrival is an accepted client that has no session yet.
type arrival struct {
	fd   int
	from addrPort
}

func newEndpoint(s *shared, name string, index, fd int) (*endpoint, error) {
	l, err := newLane(s.cfg.pipes())
	if err != nil {
		return nil, fmt.Errorf("cannot set up a readiness loop: %w", err)
	}
	if s.cfg.Loops > 1 {
		l.loop.Measure() // for roomiest
	}
	e := &endpoint{
		shared: s, name: name, index: index, lane: l, fd: fd, connections: map[uint64]*connection{}, standing: make(chan struct{}),
	}
	if w := s.cfg.Survival; w != nil {
		m := w.Memory()
		e.table = m.Table(index)
		l.loop.KeepOutside(wire.Outside{Notes: e.table.Notes, Chunks: e.table.Chunks}, time.Duration(survival.Monotonic()-m.Began.Load()))
	}
	e.system = newSystem(s.log)
	e.deaf = e.system.EventStream.Length()
	e.listener.role, e.acceptor.role, e.chaos.role = RoleListener, RoleAcceptor, RoleChaos
	e.props = declare(e)
	e.takes.Store(true)
	if err := e.resolver.init(e); err != nil {
		l.discard()
		return nil, err
	}
	if s.cfg.Chaos > 0 {
		seed := s.cfg.ChaosSeed + uint64(index)
		if w := s.cfg.Survival; w != nil {
			seed += w.Generation() * uint64(s.cfg.Loops) // else each process would come to the same end
		}
		e.dice = newDice(seed)
	}
	return e, nil
}

// stands tells Start that whoever sends a message to an actor of this endpoint reaches it.
func (e *endpoint) stands() {
	if !e.stood {
		e.stood = true
		close(e.standing)
	}
}

// order notes the owner's order, and rings the listener. On the lane's goroutine.
func (e *endpoint) order(to stage) {
	if to <= e.stage {
		return
	}
	e.stage = to
	if e.table != nil {
		e.table.Stage.Store(uint64(to))
		wire.Seam("drain: order noted")
	}
	message := any(&messages.Drain{})
	if to == ending {
		message = &messages.EndAll{}
	}
	e.system.Root.Send(e.listener.pid, message)
}

// finished reports whether everything is done that was ordered: nobody need replace the listener.
func (e *endpoint) finished() bool { return e.stage != serving && e.closed && len(e.connections) == 0 }

// add makes the connection of a client that has been accepted.
func (e *endpoint) add(a arrival) *connection {
	e.served++
	c := newConnection(e, (e.served-1)*uint64(len(e.endpoints))+uint64(e.index)+1, a)
	if e.table != nil {
		e.table.Served.Store(e.served) // before the record: a number must never be given twice
		e.keep(c)
	}
	e.enlist(c)
	return c
}

// enlist has the endpoint know a connection.
func (e *endpoint) enlist(c *connection) {
	e.connections[c.id] = c
	e.live.Store(int64(len(e.connections)))
	if c.next = e.newest; c.next != nil {
		c.next.prev = c
	}
	e.newest = c
}

// remove forgets a connection that has been closed.
func (e *endpoint) remove(c *connection) {
	c.forgetRecord()
	delete(e.connections, c.id)
	e.live.Store(int64(len(e.connections)))
	if e.visiting == c {
		e.visiting = c.next
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		e.newest = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev = nil, nil
}

// close closes the listening socket, and resets clients that nobody has served yet.
func (e *endpoint) close() {
	e.takes.Store(false)
	e.lane.loop.Disarm(&e.retry)
	if e.fd >= 0 {
		if e.table != nil {
			e.table.Listening.Store(-1)
			wire.Seam("drain: listening socket forgotten")
		}
		if e.socket.IsOpen() {
			e.socket.Close()
		} else {
			wire.CloseDescriptor(e.fd)
		}
		e.fd = -1
	}
	for _, a := range e.accepted {
		wire.ResetDescriptor(a.fd)
	}
	e.accepted = nil
}

// Ready is told by the loop: clients wait in the backlog.
func (e *endpoint) Ready(wire.Event) { e.acceptor.ring(readable) }

// helpers are the places of those that serve the listener.
func (e *endpoint) helpers() []*child {
	if e.cfg.Chaos > 0 {
		return []*child{&e.acceptor, &e.chaos}
	}
	return []*child{&e.acceptor}
}
