package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// Session relays between one client and the destination. It is the error kernel of its connection: it owns both sockets and both
// flows, supervises the four children that move the bytes, and decides when the connection ends. Supervised by the listener.
//
// It is a state machine; see state. The states' names are behaviors, one method each. Which one is current stands in the connection,
// not in an actor.Behavior, because that is lost in a restart.
type Session struct {
	lane *lane
	conn *connection // set when the incarnation starts
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
		s.lane.hub.guarded(PointRestarting, ctx.Self(), nil)
	case *actor.Stopping:
		s.leaving = true
		s.lane.hub.guarded(PointStopping, ctx.Self(), nil)
		s.settle(messages.CauseSupervision, nil)
		s.conn.release()
	case *actor.Stopped:
		s.lane.hub.guarded(PointStopped, ctx.Self(), nil)
		s.farewell()
	case *messages.Fail:
		panic(m.Reason)
	case *messages.End:
		s.end(m.Cause, nil)
	default:
		switch s.conn.now() {
		case connecting:
			s.connecting(ctx)
		case relaying:
			s.relaying(ctx)
		case closing:
			// Late bells.
		}
	}
}

// start begins, or goes on where the last incarnation was killed.
func (s *Session) start(ctx actor.Context) {
	c := s.lane.turn.conn
	s.conn = c
	c.pid = ctx.Self()
	c.lives++
	if c.lives == 1 {
		s.lane.add(c)
	} else {
		s.lane.hub.publish(messages.ActorRestarted{PID: c.pid.Id, Restarts: c.lives - 1})
	}
	s.fault(PointStarted)
	switch c.now() {
	case connecting:
		s.connect(ctx)
	case relaying:
		s.relay(ctx)
		ctx.Send(ctx.Self(), messages.Review{})
	}
}

// connecting is the behavior until the destination has accepted; see connect.go.
func (s *Session) connecting(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *messages.Resolved:
		s.resolved(ctx, m.Addrs, m.Err)
	case messages.Review:
		s.answered(ctx)
	case *actor.ReceiveTimeout:
		s.hurry(ctx)
	default:
		s.lane.hub.unknown(ctx)
	}
}

// relaying is the behavior while bytes may move.
func (s *Session) relaying(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case messages.Review:
		s.review()
	case messages.Stirred:
		s.keepWatch()
	case *actor.ReceiveTimeout:
		s.look()
	case *actor.Terminated:
		s.replace(ctx, m.Who)
	case *restartNow:
		s.restartDelayed(ctx, m)
	case *messages.Resolved:
		// An answer that came after a restart had asked twice.
	default:
		s.lane.hub.unknown(ctx)
	}
}

// relay spawns the children. The order does not matter: each begins by looking at what is there.
func (s *Session) relay(ctx actor.Context) {
	for r := range roles {
		s.spawn(ctx, r)
	}
	s.conn.stirred = true
	s.keepWatch()
}

func (s *Session) spawn(ctx actor.Context, r role) {
	s.conn.disarm(r) // should the last holder of this place have been waiting for its restart: here it is
	pid, err := ctx.SpawnNamed(s.lane.children[r], r.String())
	if err != nil {
		panic(err) // a namesake is alive: a defect, and the listener's to decide on
	}
	s.conn.crew[r].pid = pid
}

// settle names the ending, unless it has a name already.
func (s *Session) settle(cause messages.Cause, err error) {
	if s.conn.cause == messages.CauseNone {
		s.conn.cause = cause
		if err != nil {
			s.conn.err = err
		}
	}
}

// end closes the sockets at once, as the cause asks for, and has the whole tree stopped.
func (s *Session) end(cause messages.Cause, err error) {
	s.settle(cause, err)
	s.conn.release()
	s.lane.hub.system.Root.Stop(s.conn.pid)
}

// farewell is the very last act.
func (s *Session) farewell() {
	c := s.conn
	s.lane.remove(c)
	var age int64
	if c.opened != 0 {
		age = int64(c.lane.loop.Since()) - c.opened
	}
	s.lane.hub.publish(messages.SessionClosed{
		ID: c.id, PID: c.pid.Id, Client: c.peer[client], Server: c.peer[server], Cause: c.cause, Err: c.err,
		BytesClientToServer: c.flow[up].Moved(), BytesServerToClient: c.flow[down].Moved(), Age: duration(age),
	})
}

func (s *Session) fault(at Point) {
	if s.lane.hub.cfg.Fault != nil {
		s.lane.hub.fault(at, s.conn.pid)
	}
}
