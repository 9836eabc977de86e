package actors

import (
	"github.com/asynkron/protoactor-go/actor"

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

// side is the one whose socket the child reads or writes.
func (r role) side() side { return [...]side{client, server, server, client}[r] }

func readerOf(s side) role { return [...]role{clientReader, serverReader}[s] }
func writerOf(s side) role { return [...]role{clientWriter, serverWriter}[s] }

// partner is the child at the other end of the same flow.
func (r role) partner() role { return r ^ 1 }

// member is what the session keeps of one child, through all its incarnations and those of an actor that took its place. An
// incarnation is no more than a pointer to it, so nothing is lost with one: see Reader and Writer.
type member struct {
	role  role
	side  side   // of its socket
	lives uint32 // incarnations so far
	pid   *actor.PID
	box   *mailbox
	first mailbox // the box of the first actor in this place; one that replaces it has a box of its own
}

// newBox is the mailbox for a new actor in this place. The last one's may still be waiting in the loop's queue.
func (m *member) newBox(c *connection) *mailbox {
	if m.box == nil {
		m.box = m.first.open(c)
	} else {
		m.box = newMailbox(c)
	}
	return m.box
}

// newChild is a new incarnation.
func newChild(c *connection, r role) actor.Actor {
	m := &c.crew[r]
	m.role, m.side = r, r.side()
	switch r {
	case clientReader, serverReader:
		return Reader{m}
	default:
		return Writer{m}
	}
}

func (m *member) conn() *connection { return m.first.conn }

// fault calls the seam for fault injection; in production that is one nil check.
func (m *member) fault(at Point) {
	if h := m.conn().lane.hub; h.cfg.Fault != nil {
		h.fault(at, m.pid)
	}
}

// ring sends a bell to a sibling.
func (m *member) ring(r role, bell any) { m.conn().ring(r, bell) }

// tell rings the session.
func (m *member) tell(bell any) { m.conn().tell(bell) }

// live reports whether there is still something to do.
func (m *member) live() bool { return m.conn().now() == relaying }

// lifecycle handles what every child handles alike. pickUp has the child look at everything; first says that nobody has
// been in its place before. It reports whether the message was one of these.
func (m *member) lifecycle(ctx actor.Context, pickUp func(first bool)) bool {
	h := m.conn().lane.hub
	switch message := ctx.Message().(type) {
	case *actor.Started:
		m.pid = ctx.Self()
		m.lives++
		if m.lives > 1 {
			h.publish(messages.ActorRestarted{PID: m.pid.Id, Restarts: m.lives - 1})
		}
		m.fault(PointStarted)
		pickUp(m.lives == 1)
	case messages.Revive: // the first incarnation, too, may have died in a message since it started
		pickUp(false)
	case *messages.Fail:
		panic(message.Reason)
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
