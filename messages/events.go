package messages

import (
	"net/netip"
	"time"
)

// The events below are published on the actor system's event stream, by value. The log, the metrics and the admin API are
// subscribers; nothing in the proxy waits for them. A subscriber runs on the publishing actor's goroutine: it must return
// quickly and must not block. One that panics harms nobody: the panic is logged. No event counts as activity of a session.
// Where there are several listeners, each publishes its own; Listener is its PID.

// ListenerOpened: a listener accepts clients on Addr.
type ListenerOpened struct {
	Listener    string
	Addr        netip.AddrPort
	Destination string
	MaxSessions int           // the limit in force, over all listeners
	IdleTimeout time.Duration // 0 = never
	HangTimeout time.Duration // 0 = never
}

// ListenerDraining: the listening socket is closed; Sessions live sessions run on for up to Timeout.
type ListenerDraining struct {
	Listener string
	Sessions int
	Timeout  time.Duration
}

// ListenerClosed: the last session is gone; Sessions were served in all.
type ListenerClosed struct {
	Listener string
	Sessions uint64
}

// AcceptPaused: the acceptor leaves clients in the backlog for the Reason, until AcceptResumed.
type AcceptPaused struct {
	Listener string
	Reason   string
}

// AcceptResumed: the acceptor accepts again.
type AcceptResumed struct{ Listener string }

// SessionOpened: a session relays between client and destination.
type SessionOpened struct {
	ID     uint64
	PID    string
	Client netip.AddrPort
	Server netip.AddrPort
}

// SessionClosed: a session is gone, its sockets are closed and its counters final.
type SessionClosed struct {
	ID                  uint64
	PID                 string
	Client              netip.AddrPort
	Server              netip.AddrPort // the zero value if the destination was never reached
	Cause               Cause
	Err                 error // what the system, the resolver or the supervisor that gave up said, or nil
	BytesClientToServer uint64
	BytesServerToClient uint64
	Age                 time.Duration
}

// ActorFailed: an actor panicked, or stopped though nobody in the tree had ordered it, and its supervisor decided on Directive.
type ActorFailed struct {
	PID       string
	Reason    string
	Strategy  string        // that of the supervisor
	Directive string        // restart, resume, stop or escalate
	Delay     time.Duration // after which the directive is carried out
	Kill      string        // "panic" or "stop" if somebody made it fail (a Fail message, a stop from outside), "" if it is a defect
}

// ActorKilled: chaos, or a caller of Proxy.Kill, is about to make an actor fail (Mode "panic") or to stop it ("stop"). What becomes of
// it is told by the ActorFailed and ActorRestarted that follow.
type ActorKilled struct {
	PID  string
	Kind string // listener, acceptor, chaos, session, or a child's role
	Mode string
	By   string // chaos or admin
}

// ActorRestarted: an actor runs again in a new incarnation, its Restarts-th.
type ActorRestarted struct {
	PID      string
	Restarts uint32
	After    time.Duration // from its failure to here; 0 if it did not fail itself but went down with another
	Kill     string        // as in the ActorFailed that led here
}

// SupervisionChanged: from the next failure on, the children of all sessions are supervised by Strategy; before, it was Was.
type SupervisionChanged struct{ Strategy, Was string }
