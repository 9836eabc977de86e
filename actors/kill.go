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
	role, ours := p.shared.roleOf(pid)
	if _, found := p.shared.system.ProcessRegistry.GetLocal(pid); !found || !ours {
		return ErrNoActor
	}
	p.shared.kill(pid, role, mode, by)
	return nil
}

// roleOf tells the role by a PID; false if it is none of the proxy's.
func (s *shared) roleOf(pid string) (Role, bool) {
	for _, e := range s.endpoints {
		if pid == e.name {
			return RoleListener, true
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
				return r, true
			}
		}
	}
	return 0, false
}

// kill says so and does it.
func (s *shared) kill(pid string, role Role, mode, by string) {
	s.publish(messages.ActorKilled{PID: pid, Kind: role.String(), Mode: mode, By: by})
	if mode == KillStop {
		s.system.Root.Stop(s.system.NewLocalPID(pid))
	} else {
		s.system.Root.Send(s.system.NewLocalPID(pid), &messages.Fail{Reason: "killed by " + by})
	}
}
