// Package loadctl is what the harness and its load generator say to each
// other: one JSON object per line, a command down and a reply up.
//
// Every connection starts with a block of BlockSize bytes, which is also the
// 64-byte message of the round trips. Its first byte tells the destination what
// to do.
package loadctl

// BlockSize is the size of a round trip's message and of a bulk header.
const BlockSize = 64

// First bytes of a block.
const (
	// Echo asks for the same block back.
	Echo = 'E'
	// Sink announces as many bytes as follow in the header; the destination
	// discards them and answers with one block.
	Sink = 'U'
	// Source asks for as many bytes as the header says.
	Source = 'D'
)

// Things a Command can ask for.
const (
	// Open makes Count connections stand open, each with one echo behind it.
	Open = "open"
	// RoundTrips drives Count of the open connections for Millis, one block in
	// flight on each.
	RoundTrips = "round-trips"
	// Sessions connects, echoes one block and closes, Count at once, for Millis.
	Sessions = "sessions"
	// Bulk moves Bytes over Count fresh connections in the given Direction, or
	// as much as it can in Millis.
	Bulk = "bulk"
)

// Directions of a Bulk command, as seen from the client.
const (
	Up   = "up"
	Down = "down"
	// Both alternates: every second connection goes the other way.
	Both = "both"
)

// Command goes from the harness to the load generator.
type Command struct {
	Do        string
	Count     int
	Millis    int    `json:",omitempty"`
	InTurn    bool   `json:",omitempty"` // RoundTrips: move on to the next connection after every reply
	Direction string `json:",omitempty"`
	Bytes     int64  `json:",omitempty"`
}

// Reply goes from the load generator to the harness, once per command.
type Reply struct {
	Error   string  `json:",omitempty"`
	Count   int64   // round trips or sessions done
	Bytes   int64   // payload moved by Bulk
	Seconds float64 // from the first byte to the last
	P50     float64 // microseconds
	P99     float64
	P999    float64
}
