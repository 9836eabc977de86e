package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// role is a child's place in its session.
type role uint8

const (
	clientReader role = iota // client socket → flow up
	serverWriter             // flow up → server socket
	serverReader             // server socket → flow down
	clientWriter             // flow down → client socket
	roles
)

var roleNames = [roles]string{"client-reader", "server-writer", "server-reader", "client-writer"}

// String is the last part of the child's PID.
func (r role) String() string { return roleNames[r] }

func readerOf(s side) role { return [...]role{clientReader, serverReader}[s] }
func writerOf(s side) role { return [...]role{clientWriter, serverWriter}[s] }

// partner is the child at the other end of the same flow.
func (r role) partner() role { return r ^ 1 }

// member is what the session keeps of one child, through all its incarnations.
type member struct {
	pid      *actor.PID
	box      *mailbox
	lives    uint32  // incarnations so far
	failures *ledger // nil until the first
}

// delay is the restart that the child waits for, if the backoff strategy makes it wait.
func (m *member) delay() *delayed {
	if m.failures == nil {
		return nil
	}
	return m.failures.delay
}

// disarm makes a delayed restart not happen.
func (m *member) disarm(l *wire.Loop) {
	if d := m.delay(); d != nil {
		l.Disarm(&d.timer)
		m.failures.delay = nil
	}
}

// child is what readers and writers have in common: their place, and nothing that would be missed.
type child struct {
	conn *connection
	role role
	side side // of its socket
}

func newChild(c *connection, r role) actor.Actor {
	switch r {
	case clientReader:
		return &Reader{child{c, r, client}}
	case serverReader:
		return &Reader{child{c, r, server}}
	case serverWriter:
		return &Writer{child{c, r, server}}
	default:
		return &Writer{child{c, r, client}}
	}
}

// fault calls the seam for fault injection; in production that is one nil check.
func (c *child) fault(at Point) {
	if c.conn.lane.hub.cfg.Fault != nil {
		c.conn.lane.hub.fault(at, c.conn.crew[c.role].pid)
	}
}

// ring sends a bell to a sibling.
func (c *child) ring(r role, bell any) { c.conn.ring(r, bell) }

// tell rings the session.
func (c *child) tell(bell any) { c.conn.tell(bell) }

// live reports whether there is still something to do.
func (c *child) live() bool { return c.conn.now() == relaying }

// lifecycle handles what every child handles alike. pickUp has the child look at everything; first says that nobody has
// been in its place before. It reports whether the message was one of these.
func (c *child) lifecycle(ctx actor.Context, pickUp func(first bool)) bool {
	h := c.conn.lane.hub
	switch m := ctx.Message().(type) {
	case *actor.Started:
		crew := &c.conn.crew[c.role]
		crew.pid = ctx.Self()
		crew.lives++
		if crew.lives > 1 {
			h.publish(messages.ActorRestarted{PID: ctx.Self().Id, Restarts: crew.lives - 1})
		}
		c.fault(PointStarted)
		pickUp(crew.lives == 1)
	case messages.Revive: // the first incarnation, too, may have died in a message since it started
		pickUp(false)
	case *messages.Fail:
		panic(m.Reason)
	case *actor.Restarting:
		h.guarded(PointRestarting, ctx.Self(), nil)
	case *actor.Stopping:
		h.guarded(PointStopping, ctx.Self(), nil)
	case *actor.Stopped:
		h.guarded(PointStopped, ctx.Self(), nil)
	default:
		return false
	}
	return true
}
