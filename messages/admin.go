package messages

import "time"

// Drain: owner → listener. Closes the listening socket at once; live sessions run on for up to Config.DrainTimeout.
type Drain struct{}

// EndAll: owner → listener. Closes the listening socket and ends every session now.
type EndAll struct{}

// End: listener → session. Ends the session with the given cause.
type End struct{ Cause Cause }

// EndSession: admin → listener. Ends one session, with CauseEnded. Answered with an EndSessionReply when sent as a request.
type EndSession struct{ ID uint64 }

// EndSessionReply: listener → admin. Found is false if there is no such session.
type EndSessionReply struct{ Found bool }

// Fail: anyone → any actor of the proxy. Makes the receiver panic with Reason, between two messages. For fault injection.
// It does not count as activity.
type Fail struct{ Reason string }

// DescribeTree: admin → listener. Answered with a Node, from the listener down. Asking does not count as activity.
type DescribeTree struct{}

// Node is one actor of the supervision tree as it was when somebody asked.
type Node struct {
	PID      string `json:"pid"`
	Kind     string `json:"kind"`  // listener, acceptor, session, reader, writer
	State    string `json:"state"` // see the actors' documentation
	Restarts uint32 `json:"restarts"`
	Strategy string `json:"strategy"` // how this actor supervises its children; "" for one without children
	Mailbox  int    `json:"mailbox"`  // messages that wait
	Children []Node `json:"children"`
}

// ListSessions: admin → listener. Answered with Sessions. Asking does not count as activity.
type ListSessions struct{}

// Sessions: listener → admin, one entry per live session, by ascending ID.
type Sessions []Session

// Session is one live session as it was when somebody asked.
type Session struct {
	ID                  uint64        `json:"id"`
	PID                 string        `json:"pid"`
	Client              string        `json:"client"`
	Server              string        `json:"server"`
	State               string        `json:"state"` // connecting, relaying, closing
	BytesClientToServer uint64        `json:"bytes_client_to_server"`
	BytesServerToClient uint64        `json:"bytes_server_to_client"`
	Age                 time.Duration `json:"-"`
	Idle                time.Duration `json:"-"`
	AgeSeconds          float64       `json:"age_s"`
	IdleSeconds         float64       `json:"idle_s"`
}
