package messages

import (
	"net/netip"
	"time"
)

// The events below are published on the actor system's event stream, by value, when they have happened. The log, the metrics, the console
// and whoever asks for /api/events are subscribers, and nothing in the proxy waits for them. A subscriber runs on the publishing actor's
// goroutine: it must return quickly and must not block. One that panics harms nobody: the panic is logged. No event counts as activity of
// a session. Where there are several listeners, each publishes its own; Listener is its PID.
//
// Each has a name and a JSON form, which are stable: see EncodeEvent. There a time is in seconds, its field ends in _s; an address is
// host:port, or "" if there is none; an error is its text, or "".

// ListenerOpened: a listener accepts clients on Addr.
type ListenerOpened struct {
	Listener    string         `json:"listener"`
	Addr        netip.AddrPort `json:"addr"`
	Destination string         `json:"destination"`
	MaxSessions int            `json:"max_sessions"` // the limit in force, over all listeners
	IdleTimeout time.Duration  `json:"idle_timeout"` // 0 = never
	HangTimeout time.Duration  `json:"hang_timeout"` // 0 = never
}

// ListenerDraining: the listening socket is closed; Sessions live sessions run on for up to Timeout.
type ListenerDraining struct {
	Listener string        `json:"listener"`
	Sessions int           `json:"sessions"`
	Timeout  time.Duration `json:"timeout"`
}

// ListenerClosed: the last session is gone; Sessions were served in all.
type ListenerClosed struct {
	Listener string `json:"listener"`
	Sessions uint64 `json:"sessions"`
}

// AcceptPaused: the acceptor leaves clients in the backlog for the Reason, until AcceptResumed.
type AcceptPaused struct {
	Listener string `json:"listener"`
	Reason   string `json:"reason"`
}

// AcceptResumed: the acceptor accepts again.
type AcceptResumed struct {
	Listener string `json:"listener"`
}

// SessionAccepted: a client has been accepted, and its session begins to connect to the destination.
type SessionAccepted struct {
	ID     uint64         `json:"id"`
	PID    string         `json:"pid"`
	Client netip.AddrPort `json:"client"`
}

// SessionOpened: the destination has accepted, Took after the client was, and from now on bytes go both ways.
type SessionOpened struct {
	ID     uint64         `json:"id"`
	PID    string         `json:"pid"`
	Client netip.AddrPort `json:"client"`
	Server netip.AddrPort `json:"server"`
	Took   time.Duration  `json:"took"`
}

// SessionClosed: a session is gone, its sockets are closed and its counters final.
type SessionClosed struct {
	ID                  uint64         `json:"id"`
	PID                 string         `json:"pid"`
	Client              netip.AddrPort `json:"client"`
	Server              netip.AddrPort `json:"server"` // the zero value if the destination was never reached
	Cause               Cause          `json:"cause"`
	Err                 error          `json:"err"` // what the system, the resolver or the supervisor that gave up said, or nil
	BytesClientToServer uint64         `json:"bytes_client_to_server"`
	BytesServerToClient uint64         `json:"bytes_server_to_client"`
	Age                 time.Duration  `json:"age"` // since the client was accepted
}

// ActorFailed: an actor panicked, or stopped though nobody in the tree had ordered it, and its supervisor decided on Directive.
type ActorFailed struct {
	PID       string        `json:"pid"`
	Reason    string        `json:"reason"`
	Point     string        `json:"point"`     // of its code, if Config.Fault made it fail there; see actors.Point
	Strategy  string        `json:"strategy"`  // that of the supervisor
	Directive string        `json:"directive"` // restart, resume, stop or escalate
	Delay     time.Duration `json:"delay"`     // after which the directive is carried out
	Kill      string        `json:"kill"`      // how somebody made it fail: "panic" (a Fail message) or "stop"; "" if it is a defect
}

// ActorKilled: chaos, or a caller of Proxy.Kill, is about to make an actor fail (Mode "panic") or to stop it ("stop"). What becomes of
// it is told by the ActorFailed and ActorRestarted that follow.
type ActorKilled struct {
	PID  string `json:"pid"`
	Kind string `json:"kind"` // listener, acceptor, chaos, session, or a child's role
	Mode string `json:"mode"`
	By   string `json:"by"` // chaos or admin
}

// ActorRestarted: an actor runs again in a new incarnation, its Restarts-th.
type ActorRestarted struct {
	PID      string        `json:"pid"`
	Restarts uint32        `json:"restarts"`
	After    time.Duration `json:"after"` // from its failure to here; 0 if it did not fail itself but went down with another
	Kill     string        `json:"kill"`  // as in the ActorFailed that led here
}

// ActorStopped: a supervisor has stopped an actor for good, in answer to a failure: its own, or that of somebody below it. Those that end
// with the connection that they work for, or with the proxy, are not told of one by one.
type ActorStopped struct {
	PID    string `json:"pid"`
	Reason string `json:"reason"`
}

// SupervisionChanged: from the next failure on, the children of all sessions are supervised by Strategy; before, it was Was.
type SupervisionChanged struct {
	Strategy string `json:"strategy"`
	Was      string `json:"was"`
}

// ProcessRestarted: this process goes on with the connections of the one before, which ended for the Reason; with Config.Survival only.
type ProcessRestarted struct {
	Generation uint64        `json:"generation"` // how many processes there have been, this one included
	Reason     string        `json:"reason"`
	After      time.Duration `json:"after"` // from the end of the one before to here
	Sessions   int           `json:"sessions"`
}
