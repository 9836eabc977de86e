package messages

import "time"

// Drain: owner → listener. Closes the listening socket at once; live sessions run on for up to Config.DrainTimeout. The order itself
// stands in the listener's endpoint, so that it outlives the listener that was told.
type Drain struct{}

// EndAll: owner → listener. Closes the listening socket and ends every session now. The order stands in the endpoint, as for Drain.
type EndAll struct{}

// End: listener → session. Ends the session with the given cause, unless its connection names another already.
type End struct{ Cause Cause }

// Fail: anyone → any actor of the proxy. Makes the receiver panic with Reason, between two messages. For fault injection.
// It does not count as activity.
type Fail struct{ Reason string }

// Node is one actor of the supervision tree as it was when somebody asked (Proxy.Tree). Asking does not count as activity.
type Node struct {
	PID      string `json:"pid"`
	Kind     string `json:"kind"`     // guardian (if there are several listeners), listener, acceptor, chaos, session, reader, writer
	State    string `json:"state"`    // see the actors' documentation
	Restarts uint32 `json:"restarts"` // incarnations after the first, those of actors that took its place included
	Strategy string `json:"strategy"` // how this actor supervises its children; "" for one without children
	Mailbox  int    `json:"mailbox"`  // messages that wait
	Children []Node `json:"children"`
}

// Sessions are all live sessions when somebody asked (Proxy.Sessions), by ascending ID. Asking does not count as activity.
type Sessions []Session

// Session is one live session as it was when somebody asked.
type Session struct {
	ID                  uint64        `json:"id"`
	PID                 string        `json:"pid"`
	Client              string        `json:"client"`
	Server              string        `json:"server"` // "" until the destination has accepted
	State               string        `json:"state"`  // connecting, relaying, delivering, lingering, closing
	BytesClientToServer uint64        `json:"bytes_client_to_server"`
	BytesServerToClient uint64        `json:"bytes_server_to_client"`
	Age                 time.Duration `json:"-"`
	Idle                time.Duration `json:"-"`
	AgeSeconds          float64       `json:"age_s"`
	IdleSeconds         float64       `json:"idle_s"`
}
