package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// child is what a supervisor keeps of a place below it, through all incarnations of the actor there and through all actors that take its
// place. It lies in what outlives them: in the endpoint, or in the connection. It belongs to the lane's goroutine.
type child struct {
	role         Role
	gone         bool   // its actor has stopped, and no other has taken its place yet
	incarnations uint32 // so far
	pid          *actor.PID
	conn         *connection // nil above the sessions
	box          *mailbox    // of the actor that is there now
	first        mailbox     // the box of the first; the next ones have boxes of their own, since this may still wait in the loop's queue
}

// newMailbox is the mailbox for a new actor in this place.
func (c *child) newMailbox(e *endpoint) *mailbox {
	if c.box == nil {
		c.box = c.first.open(e, c)
	} else {
		c.box = new(mailbox).open(e, c)
	}
	return c.box
}

// begin is what every actor does first in a new incarnation.
func (c *child) begin(e *endpoint, self *actor.PID) {
	c.pid = self
	if c.incarnations++; c.incarnations > 1 {
		restarted := messages.ActorRestarted{PID: self.Id, Restarts: c.incarnations - 1}
		if f := c.failures(e); f != nil && f.since != 0 {
			restarted.After, restarted.Kill = time.Duration(int64(e.lane.loop.Since())-f.since), f.kill
			f.since, f.kill = 0, ""
		}
		publish(e, restarted)
	}
	e.fault(PointStarted, self)
}

// restarts is how many incarnations there have been after the first.
func (c *child) restarts() uint32 { return max(c.incarnations, 1) - 1 }

// ring sends a bell. It goes straight into the mailbox, not through the PID: on the data path the look-up of the process
// behind a PID is as much work as all the rest, and would only find this mailbox. If the actor is gone, its successor looks at
// everything when it starts; if there has never been one, so does the first.
func (c *child) ring(b bell) {
	if c.box != nil {
		c.box.ring(b)
	}
}

// The four children of a session.

// side is the one whose socket the child reads or writes.
func (r Role) side() side {
	if r == RoleClientReader || r == RoleClientWriter {
		return client
	}
	return server
}

func readerOf(s side) Role { return [...]Role{RoleClientReader, RoleServerReader}[s] }
func writerOf(s side) Role { return [...]Role{RoleClientWriter, RoleServerWriter}[s] }

// partner is the child at the other end of the same flow.
func (r Role) partner() Role { return (r - RoleClientReader) ^ 1 + RoleClientReader }

// side is that of the child's socket.
func (c *child) side() side { return c.role.side() }

// fault calls the seam for fault injection; in production that is one nil check.
func (c *child) fault(at Point) { c.conn.endpoint.fault(at, c.pid) }

// lifecycle handles what the four children handle alike. refresh has the child look at everything; first says that nobody has
// been in its place before. It reports whether the message was one of these.
func (c *child) lifecycle(ctx actor.Context, refresh func(first bool)) bool {
	e := c.conn.endpoint
	switch message := ctx.Message().(type) {
	case *actor.Started:
		c.begin(e, ctx.Self())
		refresh(c.incarnations == 1)
	case messages.Revive: // the first incarnation, too, may have died in a message since it started
		refresh(false)
	case *messages.Fail:
		fail(message)
	case *actor.Restarting:
		e.guard(PointRestarting, ctx.Self(), nil)
	case *actor.Stopping:
		e.guard(PointStopping, ctx.Self(), nil)
	case *actor.Stopped:
		e.guard(PointStopped, ctx.Self(), nil)
	default:
		return false
	}
	return true
}
