package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// Session relays between one client and the destination. It is the error kernel of its connection: it owns both sockets and both
// flows, supervises the four children that move the bytes, and decides when the connection ends. Supervised by the listener.
//
// It is a state machine: see state. Which behavior is current stands in the connection, not in an actor.Behavior, because that is lost in
// a restart.
type Session struct {
	conn *connection
	// leaving: this incarnation is being stopped or replaced. Its children end because it told them to, so nobody replaces them.
	leaving bool
}

// Receive runs on the lane's goroutine.
func (s *Session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.start(ctx)
	case *actor.Restarting:
		s.leaving = true
		s.conn.endpoint.guard(PointRestarting, ctx.Self(), nil)
	case *actor.Stopping:
		s.leaving = true
		s.conn.endpoint.guard(PointStopping, ctx.Self(), nil)
	case *actor.Stopped:
		s.conn.endpoint.guard(PointStopped, ctx.Self(), s.stopped)
	case *messages.Fail:
		fail(m)
	case *messages.End:
		s.end(m.Cause, nil)
	case *actor.Terminated:
		s.childTerminated(ctx, m.Who)
	case messages.RestartDue:
		s.restartDue(ctx)
	default:
		switch s.conn.state {
		case connecting:
			s.connecting(ctx)
		case relaying:
			s.relaying(ctx)
		case delivering:
			s.delivering(ctx)
		case lingering:
			s.lingering(ctx)
		case closing:
			// Late bells.
		}
	}
}

// start begins, or goes on from where the last incarnation, or the last session of this connection, has left it.
func (s *Session) start(ctx actor.Context) {
	c := s.conn
	c.session.begin(c.endpoint, ctx.Self())
	switch {
	case c.cause != messages.CauseNone: // an ending was ordered or begun
		s.end(c.cause, c.err)
	case c.state == connecting:
		s.connect(ctx)
	default:
		s.spawnChildren(ctx)
		if c.session.incarnations > 1 || c.restored() {
			c.session.ring(review)
		}
	}
}

// relaying is the behavior while bytes may move.
func (s *Session) relaying(ctx actor.Context) {
	switch ctx.Message().(type) {
	case messages.Review:
		s.review()
	case messages.Active:
		s.startWatchdog()
	case *actor.ReceiveTimeout:
		s.checkTimeouts()
	case *messages.Resolved:
		// An answer that came after a restart had asked twice.
	default:
		s.conn.endpoint.unknown(ctx)
	}
}

// spawnChildren begins to relay. The order does not matter: each begins by looking at what is there.
func (s *Session) spawnChildren(ctx actor.Context) {
	for i := range s.conn.children {
		s.spawnChild(ctx, s.conn.children[i].role)
	}
	s.conn.active = true
	s.startWatchdog()
}

func (s *Session) spawnChild(ctx actor.Context, r Role) {
	if err := s.conn.spawnChild(ctx, r); err != nil {
		panic(err) // a namesake is alive: a defect, and the listener's to decide on
	}
}

// end closes the sockets at once, as the cause asks for, and has the whole tree stopped.
func (s *Session) end(cause messages.Cause, err error) {
	s.conn.settle(cause, err)
	s.conn.release()
	s.conn.endpoint.system.Root.Stop(s.conn.session.pid)
}

// stopped is the very last act. If nobody ordered the end, it is not the connection's: the listener hears of it, and decides.
func (s *Session) stopped() {
	if s.conn.state == closing {
		s.conn.publishClosed()
	}
}

// HandleFailure is called by the library when a child has failed. It asks the actor itself rather than its Props, which lets the session
// take part: while it is leaving, every failure is answered with a stop. A restart then would re-incarnate a child that has been told to
// stop, and nobody could stop that one again.
func (s *Session) HandleFailure(
	_ *actor.ActorSystem, sup actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, message any,
) {
	c := s.childOf(who)
	if s.leaving || !s.conn.state.relays() || c == nil {
		sup.StopChildren(who)
		return
	}
	s.answer(sup.(actor.Context), c, reason, message)
}

// childTerminated treats a child that somebody else stopped like one that failed: its place must not stay empty.
func (s *Session) childTerminated(ctx actor.Context, who *actor.PID) {
	c := s.childOf(who)
	if c == nil {
		return
	}
	c.gone = true
	if !s.leaving && s.conn.state.relays() {
		s.answer(ctx, c, errStopped, nil)
	}
}

func (s *Session) answer(ctx actor.Context, c *child, reason, message any) {
	e := s.conn.endpoint
	answer(&failure{
		endpoint: e, by: sessionSupervisor{ctx.(actor.Supervisor), s, ctx}, chosen: *e.supervision.Load(),
		who: c, reason: reason, message: message,
	})
}

func (s *Session) restartDue(ctx actor.Context) {
	if !s.leaving && s.conn.state.relays() {
		by := sessionSupervisor{ctx.(actor.Supervisor), s, ctx}
		restartDueChildren(s.conn.endpoint, by, by.children(nil))
	}
}

// childOf finds a child by its PID.
func (s *Session) childOf(who *actor.PID) *child {
	for i := range s.conn.children {
		if c := &s.conn.children[i]; c.pid != nil && c.pid.Equal(who) {
			return c
		}
	}
	return nil
}

// sessionSupervisor is a session in the moment in which it answers a failure.
type sessionSupervisor struct {
	actor.Supervisor
	session *Session
	ctx     actor.Context
}

func (b sessionSupervisor) children(*child) []*child {
	all := make([]*child, len(b.session.conn.children))
	for i := range all {
		all[i] = &b.session.conn.children[i]
	}
	return all
}

func (b sessionSupervisor) respawn(c *child) { b.session.spawnChild(b.ctx, c.role) }

func (b sessionSupervisor) giveUp(_ *child, why error) {
	b.session.conn.endpoint.stoppedFor(b.self(), why)
	b.session.end(messages.CauseSupervision, why)
}

func (b sessionSupervisor) self() *child { return &b.session.conn.session }

func (s *Session) fault(at Point) {
	if e := s.conn.endpoint; e.cfg.Fault != nil {
		e.fault(at, s.conn.session.pid)
	}
}
