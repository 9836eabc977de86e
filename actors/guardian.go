package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// guardian is the root of the tree: it supervises a listener, and ends the endpoint when the listener has done what it was ordered to.
// With several listeners each has one, so that they share nothing; the tree, as one sees it, shows them as one.
//
// It is a process of the library's, but not an actor. It has no mailbox, no goroutine and no state that changes, so it cannot fail, and
// it ignores an order to stop: somewhere supervision must end, and what stands there should be too simple to break. The library's own
// guardian is the same kind of thing; but that one does not hear of a listener that stopped, only of one that failed.
//
// What the listener's library context tells its parent is handled on the goroutine of the listener's lane.
type guardian struct {
	actor.SpawnerContext // the root context, for all but what is below
	endpoint             *endpoint
	pid                  *actor.PID
}

const guardianPID = "guardian"

func newGuardian(e *endpoint) *guardian {
	g := &guardian{SpawnerContext: e.system.Root, endpoint: e}
	g.pid, _ = e.system.ProcessRegistry.Add(g, guardianPID)
	return g
}

// SendSystemMessage hears of a listener that failed, or stopped.
func (g *guardian) SendSystemMessage(_ *actor.PID, message any) {
	e := g.endpoint
	switch m := message.(type) {
	case *actor.Failure:
		answer(&failure{endpoint: e, by: g, who: &e.listener, reason: m.Reason, message: m.Message})
	case *actor.Terminated:
		g.childTerminated()
	}
}

// childTerminated ends an endpoint whose listener has done all that it was ordered to do, and replaces any other listener.
func (g *guardian) childTerminated() {
	e := g.endpoint
	e.listener.gone = true
	if e.finished() {
		publish(e, messages.ListenerClosed{Listener: e.name, Sessions: e.served})
		e.resolver.cancel()
		e.lane.loop.Close()
		return
	}
	answer(&failure{endpoint: e, by: g, who: &e.listener, reason: errStopped})
}

// spawn makes the listener, on its lane's goroutine.
func (g *guardian) spawn() {
	if err := g.endpoint.spawnListener(g); err != nil {
		g.endpoint.log.Error("cannot spawn a listener", "err", err) // a namesake is alive: it does the work
	}
}

// SendUserMessage ignores what nobody should send.
func (*guardian) SendUserMessage(*actor.PID, any) {}

// Stop ignores the order.
func (*guardian) Stop(*actor.PID) {}

// Self makes the guardian the parent of whom it spawns.
func (g *guardian) Self() *actor.PID { return g.pid }

// SpawnNamed spawns a listener. Its PID is its name, not a path that begins with the guardian's.
func (g *guardian) SpawnNamed(props *actor.Props, name string) (*actor.PID, error) {
	return actor.DefaultSpawner(g.endpoint.system, name, props, g)
}

// The guardian as a supervisor.

func (g *guardian) children(failed *child) []*child { return []*child{failed} }

func (g *guardian) self() *child { return nil }

func (g *guardian) respawn(c *child) {
	if c.gone {
		g.spawn()
	}
}

// giveUp is not for a listener: superviseListener never stops one.
func (g *guardian) giveUp(*child, error) {}

// EscalateFailure is not for the root: nobody is above it.
func (g *guardian) EscalateFailure(_, _ any) {}

// RestartChildren is not for a listener, since that would stop all sessions.
func (g *guardian) RestartChildren(...*actor.PID) {}

// ResumeChildren tells the library to let the listener go on.
func (g *guardian) ResumeChildren(pids ...*actor.PID) {
	for _, pid := range pids {
		if process, found := g.endpoint.system.ProcessRegistry.Get(pid); found {
			process.SendSystemMessage(pid, &actor.ResumeMailbox{})
		}
	}
}
