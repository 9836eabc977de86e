package actors

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// How the decisions of supervision.go are carried out: waiting before a restart, and telling the library. What is kept of a child's
// failures stands in failures.go.

// supervisor is an actor, or the guardian, in the moment in which it answers a failure.
type supervisor interface {
	// RestartChildren and ResumeChildren are the library's: they tell actors that are there.
	RestartChildren(...*actor.PID)
	ResumeChildren(...*actor.PID)
	// EscalateFailure makes the supervisor itself fail, for its own supervisor to decide.
	EscalateFailure(reason, message any)

	// children are the places that it supervises and that the failed child may be restarted together with, by start.
	children(failed *child) []*child
	// respawn makes a new actor in the place of one that is gone.
	respawn(*child)
	// giveUp ends the connection that the failed child works for.
	giveUp(failed *child, why error)
	// self is whom a delayed restart is told; nil if nobody need be.
	self() *child
}

// failure is the Failure that strategies see.
type failure struct {
	endpoint *endpoint
	by       supervisor
	chosen   Strategy // the one in force for the supervisor's children, where there is a choice
	who      *child
	reason   any
	message  any
	now      time.Time
	answered bool
}

// answer has the failure counted, decided and carried out. It is where every failure in the tree comes by.
func answer(f *failure) {
	f.who.noteFailure(f.endpoint)
	n := f.who.failures(f.endpoint)
	n.kill = killOf(f.reason)
	f.now = time.Now()
	n.budget.note(f.now, f.endpoint.cfg.MaxRestarts)
	tree[f.who.role].supervise(f, f.chosen)
	if !f.answered {
		f.reason = fmt.Sprintf("%s, and the strategy %s had no answer", describe(f.reason), f.chosen.Name)
		f.Stop()
	}
}

// decided publishes the answer, once: a strategy may restart the failed child's siblings, too.
func (f *failure) decided(directive string, delay time.Duration) {
	if f.answered {
		return
	}
	f.answered = true
	name := tree[f.who.role].decides
	if name == "" {
		name = f.chosen.Name
	}
	publish(f.endpoint, messages.ActorFailed{
		PID: f.who.pid.Id, Reason: describe(f.reason), Point: f.endpoint.takePoint(), Strategy: name, Directive: directive, Delay: delay,
		Kill: killOf(f.reason),
	})
}

// Who is the child that failed.
func (f *failure) Who() Role { return f.who.role }

// Stopped says that no incarnation is left.
func (f *failure) Stopped() bool { return f.who.gone }

// OnPurpose says that somebody killed the child.
func (f *failure) OnPurpose() bool { return killOf(f.reason) != "" }

// Reason is what the child panicked with.
func (f *failure) Reason() any { return f.reason }

// Children are the failed child and its siblings.
func (f *failure) Children() []Role {
	var all []Role
	for _, c := range f.by.children(f.who) {
		all = append(all, c.role)
	}
	return all
}

// Recent counts a child's failures within the period.
func (f *failure) Recent(r Role) int {
	if c := f.child(r); c != nil {
		if n := c.failures(f.endpoint); n != nil {
			return n.budget.recent(f.now, f.endpoint.cfg.Within)
		}
	}
	return 0
}

// Intensity is how many restarts are allowed.
func (f *failure) Intensity() int { return f.endpoint.cfg.MaxRestarts }

// child finds the failed child or a sibling; nil for a role that this supervisor has no child in.
func (f *failure) child(r Role) *child {
	for _, c := range f.by.children(f.who) {
		if c.role == r {
			return c
		}
	}
	return nil
}

// Restart carries it out at once.
func (f *failure) Restart(r Role) {
	c := f.child(r)
	if c == nil {
		return
	}
	f.decided("restart", 0)
	if c != f.who && c.delayed(f.endpoint) {
		return // it waits for a restart of its own already
	}
	restart(f.endpoint, f.by, c)
}

// longestDelay keeps a strategy that means "never" from wrapping round to "at once".
const longestDelay = 1000 * time.Hour

// RestartAfter arms a timer.
func (f *failure) RestartAfter(r Role, delay time.Duration) {
	c := f.child(r)
	if c == nil {
		return
	}
	f.decided("restart", delay)
	c.cancelRestart(f.endpoint)
	n := c.noted(f.endpoint)
	delay = min(delay, longestDelay)
	n.dueAt = int64(f.endpoint.lane.loop.Since() + delay)
	f.endpoint.lane.loop.Arm(&n.due, delay, runner(func() {
		if to := f.by.self(); to != nil {
			to.ring(restartDue)
		} else {
			n.dueAt = 0
			f.by.respawn(c)
		}
	}))
}

// Resume lets the incarnation go on.
func (f *failure) Resume(r Role) {
	c := f.child(r)
	if c == nil {
		return
	}
	f.decided("resume", 0)
	if n := c.failures(f.endpoint); n != nil {
		n.since, n.kill = 0, ""
	}
	f.by.ResumeChildren(c.pid)
	c.ring(revive)
}

// Stop ends the connection.
func (f *failure) Stop() {
	f.decided("stop", 0)
	why := asError(f.reason)
	if n := f.Recent(f.who.role); n > f.Intensity() {
		why = fmt.Errorf("%v failed %d times in %v (--max-restarts %d): %w", f.who.role, n, f.endpoint.cfg.Within, f.Intensity(), why)
	}
	f.by.giveUp(f.who, why)
}

// Escalate makes the supervisor fail. The library does not escalate for a child that is gone: then the supervisor panics, which is the
// same.
func (f *failure) Escalate() {
	f.decided("escalate", 0)
	reason := fmt.Errorf("%v failed: %w", f.who.role, asError(f.reason))
	if f.who.gone {
		panic(reason)
	}
	f.by.EscalateFailure(reason, f.message)
}

// restart gives a child a new incarnation, or a successor if it is gone.
func restart(e *endpoint, by supervisor, c *child) {
	c.cancelRestart(e)
	if c.gone {
		by.respawn(c)
		return
	}
	by.RestartChildren(c.pid)
}

// restartDueChildren restarts the children whose delay is over. The bell may ring too often, so it is checked.
func restartDueChildren(e *endpoint, by supervisor, children []*child) {
	now := int64(e.lane.loop.Since())
	for _, c := range children {
		if f := c.failures(e); f != nil && f.dueAt != 0 && f.dueAt <= now {
			restart(e, by, c)
		}
	}
}
