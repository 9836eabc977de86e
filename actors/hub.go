package actors

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// hub is what all actors of one proxy share. Fields without a comment are set before the first actor is spawned.
type hub struct {
	cfg       Config
	system    *actor.ActorSystem
	strategy  strategy        // for the children of a session
	sessions  actor.Directive // for sessions
	lanes     []*lane
	resolver  resolver
	root      *actor.PID // the listener, for the owner; any goroutine
	listener  *actor.PID // the listener, for actors; lane 0's goroutine
	acceptor  *actor.PID
	listening wire.Socket // lane 0's goroutine
	fd        int         // the listening descriptor, until the acceptor's lane watches it

	lobby  []arrival    // accepted clients on their way from the acceptor to the listener; lane 0's goroutine
	live   atomic.Int64 // sessions from the listener's spawn to its Terminated
	paused bool         // the acceptor leaves clients in the backlog; lane 0's goroutine
	served uint64       // sessions spawned so far; lane 0's goroutine
	// starving is how many sessions found no descriptor for the destination's side. Until they have one nobody is let in: each client
	// takes a descriptor at once and asks for its second later, so many of them could hold all there are and none get anywhere.
	starving atomic.Int64
	scarce   int        // see Config.scarce
	retry    wire.Timer // the acceptor's

	chaos         *actor.PID // nil without Config.Chaos; lane 0's goroutine
	dice          *dice
	acceptorBox   *mailbox
	acceptorLives uint32 // incarnations so far
	done          chan struct{}
}

// arrival is an accepted client that has no session yet.
type arrival struct {
	fd   int
	from addrPort
}

// lane is one readiness loop and what the sessions on it share. Everything in it belongs to the loop's goroutine.
type lane struct {
	hub  *hub
	loop *wire.Loop

	// turn is the mailbox that is being run. The library's producers take no argument; through turn they find the connection that
	// the new actor, or the new incarnation, is for. So one Props per role serves all sessions, where one per actor would cost
	// a quarter of a kilobyte each.
	turn *mailbox
	// arriving is the connection of the session that the listener is spawning; lane 0 only.
	arriving *connection

	session  *actor.Props
	children [roles]*actor.Props

	first *connection // the lane's live sessions, newest first
}

func newLane(h *hub) (*lane, error) {
	loop, err := wire.NewLoop(h.cfg.pipes())
	if err != nil {
		return nil, err
	}
	l := &lane{hub: h, loop: loop}
	l.session = actor.PropsFromProducer(func() actor.Actor { return &Session{lane: l} },
		actor.WithMailbox(func() actor.Mailbox {
			c := h.lanes[0].arriving
			return c.box.open(c)
		}))
	for r := range roles {
		l.children[r] = actor.PropsFromProducer(func() actor.Actor { return newChild(l.turn.conn, r) },
			actor.WithMailbox(func() actor.Mailbox {
				return l.turn.conn.crew[r].newBox(l.turn.conn)
			}))
	}
	return l, nil
}

// send rings a bell, or sends a message, on behalf of nobody.
func (h *hub) send(to *actor.PID, message any) {
	if to != nil {
		h.system.Root.Send(to, message)
	}
}

func (h *hub) publish(event any) { h.system.EventStream.Publish(event) }

// fault is the seam for fault injection; see Config.Fault.
func (h *hub) fault(at Point, who *actor.PID) {
	if f := h.cfg.Fault; f != nil {
		f(at, who.GetId())
	}
}

// guarded runs a step of an actor's lifecycle in which a panic would wedge its parent for ever: the library expects Restarting,
// Stopping and Stopped to return. A panic is published as a failure and otherwise ignored: the actor is on its way out in any case.
func (h *hub) guarded(at Point, who *actor.PID, step func()) {
	defer func() {
		if reason := recover(); reason != nil {
			h.publish(messages.ActorFailed{PID: who.GetId(), Reason: describe(reason), Strategy: "guarded", Directive: at.String()})
		}
	}()
	h.fault(at, who)
	if step != nil {
		step()
	}
}

// failed publishes what a supervisor decided on.
func (h *hub) failed(who *actor.PID, reason any, strategy string, d actor.Directive) {
	h.publish(messages.ActorFailed{PID: who.GetId(), Reason: describe(reason), Strategy: strategy, Directive: directiveName(d)})
}

// unknown reports a message that the actor has no use for, and survives it.
func (h *hub) unknown(ctx actor.Context) {
	if h.cfg.Log != nil {
		h.cfg.Log.Debug("unknown message", "actor", ctx.Self().GetId(), "message", fmt.Sprintf("%T", ctx.Message()))
	}
}

// finish releases what the actors stood on, after the listener, the last of them, has stopped. The loops must end outside of themselves.
func (h *hub) finish() {
	for _, l := range h.lanes {
		l.loop.Close()
	}
}

// add puts a connection into the lane's list.
func (l *lane) add(c *connection) {
	if c.next = l.first; c.next != nil {
		c.next.prev = c
	}
	l.first = c
}

// remove takes it out again.
func (l *lane) remove(c *connection) {
	if c.prev != nil {
		c.prev.next = c.next
	} else if l.first == c {
		l.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev = nil, nil
}

// errStopped is the reason given when an actor did not fail but was stopped by somebody other than its supervisor.
var errStopped = errors.New("stopped from outside")

// asError makes an error of what a panic was given.
func asError(reason any) error {
	if err, ok := reason.(error); ok {
		return err
	}
	return errors.New(describe(reason))
}

func describe(reason any) string { return fmt.Sprint(reason) }

func directiveName(d actor.Directive) string {
	switch d {
	case actor.ResumeDirective:
		return "resume"
	case actor.RestartDirective:
		return "restart"
	case actor.StopDirective:
		return "stop"
	default:
		return "escalate"
	}
}
