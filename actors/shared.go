package actors

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// shared is what all actors of a proxy have in common. None of it changes after Start, but for supervision and what says so.
type shared struct {
	cfg             Config
	log             *slog.Logger
	addr            netip.AddrPort // that the proxy listens on
	endpoints       []*endpoint
	descriptors     descriptors
	surveyor        surveyor
	sessionStrategy Strategy                 // for sessions
	supervision     atomic.Pointer[Strategy] // for the children of a session; from any goroutine
	done            chan struct{}            // closed when everything has been released
	began           time.Time                // the zero of the loops' clocks, if they go on from one process to the next
}

// fault is the seam for fault injection; see Config.Fault.
func (e *endpoint) fault(at Point, who *actor.PID) {
	if f := e.cfg.Fault; f != nil {
		e.lane.at = at + 1
		f(at, who.GetId())
		e.lane.at = 0
	}
}

// takePoint is the seam that the last failure came from; "" if it came from elsewhere.
func (e *endpoint) takePoint() (name string) {
	if e.lane.at != 0 {
		name, e.lane.at = (e.lane.at - 1).String(), 0
	}
	return name
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
