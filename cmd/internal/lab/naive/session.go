package naive

import (
	"net"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// session supervises the four actors of a connection. A child that is gone for good takes the connection with it.
type session struct {
	forwarder      *Forwarder
	id             uint64
	client, server *net.TCPConn
	began          time.Time
	done           map[string]bool // the writers whose direction is over
	over           bool
}

// finished is what a writer says when its direction is over; broken is what either says when its socket is.
type (
	finished struct{ who string }
	broken   struct{ err error }
)

// Receive is called by the library.
func (s *session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.start(ctx)
	case finished:
		if s.done[m.who] = true; len(s.done) == 2 {
			s.end(ctx, messages.CauseFinished, nil)
		}
	case broken:
		s.end(ctx, messages.CauseServerReset, m.err)
	case *actor.Terminated:
		s.end(ctx, messages.CauseSupervision, nil)
	}
}

func (s *session) start(ctx actor.Context) {
	s.began, s.done = time.Now(), map[string]bool{}
	f, self := s.forwarder, ctx.Self()
	child := func(name string, make func() actor.Actor) *actor.PID {
		incarnations := uint32(0)
		pid, err := ctx.SpawnNamed(actor.PropsFromProducer(func() actor.Actor {
			incarnations++
			return incarnation{make(), f, incarnations - 1}
		}), name)
		if err != nil {
			panic(err) // two children of one name
		}
		return pid
	}
	direction := func(from, to *net.TCPConn, reading, writing string) {
		source := f.system.NewLocalPID(self.Id + "/" + reading)
		sink := child(writing, func() actor.Actor { return &writer{session: self, reader: source, to: to, forwarder: f} })
		child(reading, func() actor.Actor { return &reader{session: self, writer: sink, from: from, forwarder: f} })
		ctx.Send(source, read{})
	}
	direction(s.client, s.server, actors.RoleClientReader.String(), actors.RoleServerWriter.String())
	direction(s.server, s.client, actors.RoleServerReader.String(), actors.RoleClientWriter.String())
	f.onEvent(messages.SessionOpened{ID: s.id, PID: ctx.Self().Id})
}

// end closes the sockets, once, which also wakes those who wait for them.
func (s *session) end(ctx actor.Context, cause messages.Cause, err error) {
	if s.over {
		return
	}
	s.over = true
	if cause == messages.CauseFinished {
		s.close()
	} else {
		reset(s.client, s.server)
	}
	f := s.forwarder
	f.mu.Lock()
	delete(f.sessions, ctx.Self())
	f.mu.Unlock()
	ctx.Stop(ctx.Self())
	f.onEvent(messages.SessionClosed{ID: s.id, PID: ctx.Self().Id, Cause: cause, Err: err, Age: time.Since(s.began)})
}

func (s *session) close() {
	_ = s.client.Close()
	_ = s.server.Close()
}

// incarnation tells of a child that has come back.
type incarnation struct {
	actor.Actor
	forwarder *Forwarder
	restarts  uint32
}

// Receive is called by the library.
func (i incarnation) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		i.Actor.Receive(ctx)
		if i.restarts > 0 {
			ctx.Send(ctx.Self(), again{})
			i.forwarder.back(ctx.Self().Id, i.restarts)
		}
	case *messages.Fail:
		panic(m.Reason)
	default:
		i.Actor.Receive(ctx)
	}
}

// again is the first message of an incarnation that is not the first.
type again struct{}
