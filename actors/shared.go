package actors

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// shared is what all actors of a proxy have in common. None of it changes after Start, but for supervision and what says so.
type shared struct {
	cfg             Config
	system          *actor.ActorSystem
	log             *slog.Logger
	addr            netip.AddrPort // that the proxy listens on
	endpoints       []*endpoint
	descriptors     descriptors
	surveyor        surveyor
	sessionStrategy Strategy                 // for sessions
	supervision     atomic.Pointer[Strategy] // for the children of a session; from any goroutine
	done            chan struct{}            // closed when everything has been released
}

// publish tells everyone who has subscribed. A subscriber that panics harms nobody: what is left to do is done, and the panic is logged.
// It ends the round, however, for those that subscribed after it.
func (s *shared) publish(event any) {
	defer func() {
		if reason := recover(); reason != nil {
			s.log.Error("a subscriber to the proxy's events panicked", "event", fmt.Sprintf("%T", event), "reason", describe(reason))
		}
	}()
	s.system.EventStream.Publish(event)
}

// fault is the seam for fault injection; see Config.Fault.
func (s *shared) fault(at Point, who *actor.PID) {
	if f := s.cfg.Fault; f != nil {
		f(at, who.GetId())
	}
}

// guard runs a step of an actor's lifecycle in which a panic would wedge its parent for ever: the library expects Restarting,
// Stopping and Stopped to return. A panic is published as a failure and otherwise ignored: the actor is on its way out in any case.
func (s *shared) guard(at Point, who *actor.PID, step func()) {
	if s.cfg.Fault != nil {
		s.recovered(at, who, func() { s.fault(at, who) })
	}
	if step != nil {
		s.recovered(at, who, step) // even if the seam has panicked
	}
}

func (s *shared) recovered(at Point, who *actor.PID, step func()) {
	defer func() {
		if reason := recover(); reason != nil {
			s.publish(messages.ActorFailed{PID: who.GetId(), Reason: describe(reason), Strategy: "guarded", Directive: at.String()})
		}
	}()
	step()
}

// unknown reports a message that the actor has no use for, and survives it.
func (s *shared) unknown(ctx actor.Context) {
	s.log.Debug("unknown message", "actor", ctx.Self().GetId(), "message", fmt.Sprintf("%T", ctx.Message()))
}

// live is how many sessions there are, over all listeners. From any goroutine.
func (s *shared) live() int {
	n := int64(0)
	for _, e := range s.endpoints {
		n += e.live.Load()
	}
	return int(n)
}
