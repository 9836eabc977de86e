package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// guardian is the root of the tree: it supervises the listeners, and sees to it that the proxy is over when the last of them is.
//
// It is a process of the library's, but not an actor. It has no mailbox, no goroutine and no state that changes, so it cannot fail, and
// it ignores an order to stop: somewhere supervision must end, and what stands there should be too simple to break. The library's own
// guardian is the same kind of thing; but that one does not hear of a listener that stopped, only of one that failed.
//
// What a listener's library context tells its parent is handled on the goroutine of that listener's lane.
type guardian struct {
	actor.SpawnerContext // the root context, for all but what is below
	shared               *shared
	pid                  *actor.PID
	endpoints            map[string]*endpoint // by the listener's PID; not changed after Start
}

const guardianPID = "guardian"

func newGuardian(s *shared, endpoints []*endpoint) *guardian {
	g := &guardian{SpawnerContext: s.system.Root, shared: s, endpoints: map[string]*endpoint{}}
	for _, e := range endpoints {
		g.endpoints[e.name] = e
	}
	g.pid, _ = s.system.ProcessRegistry.Add(g, guardianPID)
	return g
}

// SendSystemMessage hears of listeners that failed, or stopped.
func (g *guardian) SendSystemMessage(_ *actor.PID, message any) {
	switch m := message.(type) {
	case *actor.Failure:
		if e := g.endpoints[m.Who.Id]; e != nil {
			answer(&failure{endpoint: e, by: guarding{g, e}, who: &e.listener, reason: m.Reason, message: m.Message})
		}
	case *actor.Terminated:
		if e := g.endpoints[m.Who.Id]; e != nil {
			g.childTerminated(e)
		}
	}
}

// spawn makes an endpoint's listener, on its lane's goroutine.
func (g *guardian) spawn(e *endpoint) {
	if err := e.spawnListener(g); err != nil {
		e.log.Error("cannot spawn a listener", "err", err) // a namesake is alive: it does the work
	}
}

// childTerminated ends an endpoint whose listener has done all that it was ordered to do, and replaces any other listener.
func (g *guardian) childTerminated(e *endpoint) {
	e.listener.gone = true
	if e.finished() {
		e.publish(messages.ListenerClosed{Listener: e.name, Sessions: e.served})
		e.resolver.cancel()
		e.lane.loop.Close()
		return
	}
	answer(&failure{endpoint: e, by: guarding{g, e}, who: &e.listener, reason: errStopped})
}

// SendUserMessage ignores what nobody should send.
func (*guardian) SendUserMessage(*actor.PID, any) {}

// Stop ignores the order.
func (*guardian) Stop(*actor.PID) {}

// Self makes the guardian the parent of whom it spawns.
func (g *guardian) Self() *actor.PID { return g.pid }

// SpawnNamed spawns a listener. Its PID is its name, not a path that begins with the guardian's.
func (g *guardian) SpawnNamed(props *actor.Props, name string) (*actor.PID, error) {
	return actor.DefaultSpawner(g.shared.system, name, props, g)
}

// guarding is the guardian as the supervisor of one listener.
type guarding struct {
	*guardian
	endpoint *endpoint
}

func (g guarding) children(failed *child) []*child { return []*child{failed} }

func (g guarding) self() *child { return nil }

func (g guarding) respawn(c *child) {
	if c.gone {
		g.spawn(g.endpoint)
	}
}

// giveUp is not for a listener: superviseListener never stops one.
func (g guarding) giveUp(*child, error) {}

// EscalateFailure is not for the root: nobody is above it.
func (g guarding) EscalateFailure(_, _ any) {}

// RestartChildren is not for a listener, since that would stop all sessions.
func (g guarding) RestartChildren(...*actor.PID) {}

// ResumeChildren tells the library to let a listener go on.
func (g guarding) ResumeChildren(pids ...*actor.PID) {
	for _, pid := range pids {
		if process, found := g.shared.system.ProcessRegistry.Get(pid); found {
			process.SendSystemMessage(pid, &actor.ResumeMailbox{})
		}
	}
}
