package actors

import (
	"strconv"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// Listener is the root of an endpoint's tree: it owns the listening socket, and spawns a session for every client that the acceptor has
// let in. Supervised by the guardian. All that it keeps is in the endpoint.
type Listener struct {
	*endpoint
	leaving bool // this listener is being stopped: its children end with it, so nobody replaces them
}

// Receive runs on the lane's goroutine.
func (l *Listener) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		l.start(ctx)
	case messages.Arrived:
		l.admit(ctx)
	case *actor.Terminated:
		l.childTerminated(ctx, m.Who)
	case messages.RestartDue:
		l.restartDue(ctx)
	case *messages.Drain, *messages.EndAll:
		l.obey(ctx)
	case messages.Revive:
		l.refresh(ctx)
	case *messages.Fail:
		fail(m)
	case *actor.Stopping:
		l.leaving = true
		l.guard(PointStopping, ctx.Self(), nil)
	case *actor.Stopped:
		l.guard(PointStopped, ctx.Self(), nil)
	case *actor.Restarting:
		// The guardian never restarts.
	default:
		l.unknown(ctx)
	}
}

// start begins, or takes over what another listener has left behind: the listening socket, and all connections.
func (l *Listener) start(ctx actor.Context) {
	l.spawnMissing(ctx)
	l.listener.begin(l.endpoint, ctx.Self())
	l.refresh(ctx)
}

// refresh looks at everything, since whatever got lost with a message, or with the last listener, is not told again.
func (l *Listener) refresh(ctx actor.Context) {
	if l.leaving {
		return // its successor looks
	}
	l.spawnMissing(ctx)
	l.restartDue(ctx)
	l.admit(ctx)
	l.obey(ctx)
}

// spawnMissing makes whoever should be there and is not: at first the acceptor and chaos; for the successor of another listener, all who
// went down with that one. Who waits for a restart that was put off is not missing.
func (l *Listener) spawnMissing(ctx actor.Context) {
	if l.stage == serving {
		for _, c := range l.helpers() {
			if l.missing(c) {
				l.respawn(ctx, c)
			}
		}
	}
	for c := l.newest; c != nil; c = c.next {
		if l.missing(&c.session) {
			l.respawn(ctx, &c.session)
		}
	}
	l.stands()
}

func (l *Listener) missing(c *child) bool {
	return c.pid == nil || c.gone && !c.delayed(l.endpoint)
}

// respawn makes an actor in the place of one that is gone. A session adopts the connection that the last one left behind.
func (l *Listener) respawn(ctx actor.Context, c *child) {
	var err error
	if c.conn != nil {
		err = l.spawnSession(ctx, c.conn)
	} else {
		err = l.spawnHelper(ctx, c)
	}
	if err != nil {
		panic(err) // a namesake is alive: a defect
	}
}

// announce says once that clients may come. If the start was cut short by a panic, refresh says it.
func (l *Listener) announce() {
	if !l.announced && l.stage == serving {
		l.announced = true
		publish(l.endpoint, messages.ListenerOpened{
			Listener: l.name, Addr: wire.LocalAddr(l.fd), Destination: l.cfg.destination(),
			MaxSessions: l.cfg.MaxSessions, IdleTimeout: l.cfg.IdleTimeout, HangTimeout: l.cfg.HangTimeout,
		})
	}
}

// admit spawns a session for each client that has been accepted. A client leaves the queue in one step with becoming a connection, so
// whichever side of it a crash falls on, its socket has one owner.
func (l *Listener) admit(ctx actor.Context) {
	if l.leaving {
		return // spawning now would hang the stop; the successor does it
	}
	l.announce()
	for len(l.accepted) > 0 {
		l.fault(PointBeforeSpawn, ctx.Self())
		a := l.accepted[0]
		l.accepted = l.accepted[1:]
		if l.stage != serving {
			wire.ResetDescriptor(a.fd)
			continue
		}
		c := l.add(a)
		if err := l.spawnSession(ctx, c); err != nil {
			c.release()
			l.remove(c)
		}
		l.fault(PointAfterSpawn, ctx.Self())
	}
	l.accepted = nil
}

// childTerminated forgets a session whose connection has ended. A child that stopped although nobody had ordered it is treated like one
// that failed.
func (l *Listener) childTerminated(ctx actor.Context, who *actor.PID) {
	c := l.childOf(who)
	if c == nil {
		return
	}
	c.gone = true
	switch {
	case c.conn != nil && c.conn.state == closing:
		c.conn.publishClosed()
		l.forget(c.conn)
	case c.conn == nil && l.stage != serving:
		// A helper that is not needed any more.
	case !l.leaving:
		l.answer(ctx, c, errStopped, nil)
	}
	l.leaveIfLast(ctx)
}

// forget drops a connection that has ended. An acceptor that waits for room is rung.
func (l *Listener) forget(c *connection) {
	l.remove(c)
	if l.paused {
		l.acceptor.ring(readable)
	}
}

// obey does what the owner has ordered, as far as it has not been begun yet.
func (l *Listener) obey(ctx actor.Context) {
	if l.stage == serving {
		return
	}
	if !l.closed {
		l.closed = true
		l.close()
		for _, c := range l.helpers() {
			c.cancelRestart(l.endpoint)
			if c.pid != nil {
				ctx.Stop(c.pid)
			}
		}
		if l.stage == draining {
			limit := l.drainLimit()
			publish(l.endpoint, messages.ListenerDraining{Listener: l.name, Sessions: len(l.connections), Timeout: limit})
			l.lane.loop.Arm(&l.deadline, limit, runner(func() { l.order(ending) }))
		}
	}
	if l.stage == ending {
		l.lane.loop.Disarm(&l.deadline)
		for c := l.newest; c != nil; c = c.next {
			if c.state != closing {
				c.settle(messages.CauseShutdown, nil) // should the session die first, its successor does it
				ctx.Send(c.session.pid, &messages.End{Cause: messages.CauseShutdown})
			}
		}
	}
	l.leaveIfLast(ctx)
}

// drainLimit is how long sessions may go on: Config.DrainTimeout, or what is left of it if the process before this one began to drain.
func (l *Listener) drainLimit() time.Duration {
	limit, now := l.cfg.DrainTimeout, l.lane.loop.Now()
	if l.table == nil {
		return limit
	}
	if l.table.Drained.CompareAndSwap(0, max(now, 1)) {
		return limit
	}
	return max(limit-time.Duration(now-l.table.Drained.Load()), 0)
}

// leaveIfLast stops the listener when it has done what it was ordered to do, and nobody is left.
func (l *Listener) leaveIfLast(ctx actor.Context) {
	if l.finished() && len(ctx.Children()) == 0 {
		ctx.Stop(ctx.Self())
	}
}

// HandleFailure is called by the library when a child has failed.
func (l *Listener) HandleFailure(
	_ *actor.ActorSystem, sup actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, message any,
) {
	c := l.childOf(who)
	if c == nil || l.leaving || c.conn != nil && c.conn.state == closing || c.conn == nil && l.stage != serving {
		sup.StopChildren(who)
		return
	}
	l.answer(sup.(actor.Context), c, reason, message)
}

func (l *Listener) answer(ctx actor.Context, c *child, reason, message any) {
	answer(&failure{
		endpoint: l.endpoint, by: listenerSupervisor{ctx.(actor.Supervisor), l, ctx}, chosen: l.sessionStrategy,
		who: c, reason: reason, message: message,
	})
}

// restartDue restarts those whose delay is over.
func (l *Listener) restartDue(ctx actor.Context) {
	if l.leaving {
		return
	}
	by := listenerSupervisor{ctx.(actor.Supervisor), l, ctx}
	if l.stage == serving {
		restartDueChildren(l.endpoint, by, l.helpers())
	}
	for c := l.newest; c != nil; c = c.next {
		if c.failures != nil {
			restartDueChildren(l.endpoint, by, []*child{&c.session})
		}
	}
}

// childOf finds the acceptor, chaos or a session by its PID.
func (l *Listener) childOf(who *actor.PID) *child {
	name, ours := strings.CutPrefix(who.Id, l.name+"/")
	if !ours {
		return nil
	}
	for _, c := range l.helpers() {
		if name == tree[c.role].name {
			return c
		}
	}
	id, err := strconv.ParseUint(strings.TrimPrefix(name, tree[RoleSession].name), 10, 64)
	if err != nil {
		return nil
	}
	if c := l.connections[id]; c != nil {
		return &c.session
	}
	return nil
}

// listenerSupervisor is a listener in the moment in which it answers a failure.
type listenerSupervisor struct {
	actor.Supervisor
	listener *Listener
	ctx      actor.Context
}

func (b listenerSupervisor) children(failed *child) []*child { return []*child{failed} }

func (b listenerSupervisor) respawn(c *child) { b.listener.respawn(b.ctx, c) }

// giveUp ends a session's connection. If its actor is gone, the listener has to do what that one would have done last.
func (b listenerSupervisor) giveUp(failed *child, why error) {
	c := failed.conn
	if c == nil {
		return // a helper is never given up
	}
	b.listener.stoppedFor(failed, why)
	c.settle(messages.CauseSupervision, why)
	c.release()
	if !failed.gone {
		b.StopChildren(failed.pid)
		return
	}
	c.publishClosed()
	b.listener.forget(c)
}

// EscalateFailure ends the matter here: the guardian would resume the listener, and the failed child would stay suspended for ever.
func (b listenerSupervisor) EscalateFailure(_, _ any) {}

func (b listenerSupervisor) self() *child { return &b.listener.listener }
