package actors

import (
	"fmt"
	"strings"

	"tcpproxy/messages"
)

// Ways to kill an actor.
const (
	// KillPanic makes the actor panic between two messages.
	KillPanic = "panic"
	// KillStop stops it from outside, as nobody in the tree would.
	KillStop = "stop"
)

// Kill kills an actor, for fault injection: mode is KillPanic or KillStop, and by says on whose behalf, for the log. It does not wait.
// What becomes of the actor is told by the events ActorFailed and ActorRestarted. The error is ErrNoActor, or names the modes.
func (p *Proxy) Kill(pid, mode, by string) error {
	if mode != KillPanic && mode != KillStop {
		return fmt.Errorf("unknown way to kill %q: it is %s or %s", mode, KillPanic, KillStop)
	}
	e, role := p.shared.find(pid)
	if e == nil {
		return ErrNoActor
	}
	if _, found := e.system.ProcessRegistry.GetLocal(pid); !found {
		return ErrNoActor
	}
	e.kill(pid, role, mode, by)
	return nil
}

// find tells by a PID what an actor is, and below which listener; nil if it is none of the proxy's.
func (s *shared) find(pid string) (*endpoint, Role) {
	for _, e := range s.endpoints {
		if pid == e.name {
			return e, RoleListener
		}
		rest, below := strings.CutPrefix(pid, e.name+"/")
		if !below {
			continue
		}
		session, child, deeper := strings.Cut(rest, "/")
		for r := RoleAcceptor; r < roles; r++ {
			switch {
			case r < RoleSession && !deeper && rest == tree[r].name,
				r == RoleSession && !deeper && strings.HasPrefix(session, tree[r].name),
				r > RoleSession && child == tree[r].name:
				return e, r
			}
		}
	}
	return nil, 0
}

// kill says so and does it.
func (e *endpoint) kill(pid string, role Role, mode, by string) {
	publish(e, messages.ActorKilled{PID: pid, Kind: role.String(), Mode: mode, By: by})
	if mode == KillStop {
		e.system.Root.Stop(e.system.NewLocalPID(pid))
	} else {
		e.system.Root.Send(e.system.NewLocalPID(pid), &messages.Fail{Reason: "killed by " + by})
	}
}
