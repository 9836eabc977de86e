package messages

import (
	"net/netip"
	"time"
)

// The events below are published on the actor system's event stream, by value. The log, the metrics and the admin API are
// subscribers; nothing in the proxy waits for them. A subscriber runs on the publishing actor's goroutine: it must return
// quickly, must not block, and must not panic. No event counts as activity of a session.

// ListenerOpened: the proxy accepts clients on Addr.
type ListenerOpened struct {
	Addr        netip.AddrPort
	Destination string
}

// ListenerDraining: the listening socket is closed; Sessions live sessions run on for up to Timeout.
type ListenerDraining struct {
	Sessions int
	Timeout  time.Duration
}

// ListenerClosed: the last session is gone; Sessions were served in all.
type ListenerClosed struct {
	Sessions uint64
}

// AcceptPaused: the acceptor leaves clients in the backlog for the Reason, until AcceptResumed.
type AcceptPaused struct {
	Reason string
}

// AcceptResumed: the acceptor accepts again.
type AcceptResumed struct{}

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
	Err                 error // what the system or the resolver said, or nil
	BytesClientToServer uint64
	BytesServerToClient uint64
	Age                 time.Duration
}

// ActorFailed: an actor panicked, or was stopped by somebody other than its supervisor, and its supervisor decided on Directive.
type ActorFailed struct {
	PID       string
	Reason    string
	Strategy  string
	Directive string
}

// ActorKilled: chaos is about to make an actor fail (Mode "panic") or to stop it ("stop").
type ActorKilled struct {
	PID  string
	Kind string // listener, acceptor, session, or a child's role
	Mode string
}

// ActorRestarted: an actor runs again in a new incarnation, its Restarts-th.
type ActorRestarted struct {
	PID      string
	Restarts uint32
}
