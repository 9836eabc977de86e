// Package messages is the vocabulary of the proxy's actors: plain data, a file for each conversation.
//
//	bells.go    doorbells between loop, readers, writers and session: "look again". They carry nothing.
//	connect.go  the answer of the resolver
//	admin.go    orders from outside (Drain, EndAll, End, Fail), and what somebody who asks is told (Node, Session)
//	events.go   what happened, on the event stream: for the log, the admin API, and anyone else who subscribes
//	cause.go    why a session ended: one type for deciders, events, log lines and the API
//
// # The protocol of the data path
//
//	loop ──Readable──▶ reader ──Filled──▶ writer ◀──Writable── loop
//	                      ◀──────Drained──────
//
// A reader that finds the flow full leaves a mark in it; a writer that empties the flow and sees the mark rings Drained. Losing or
// doubling any of these is harmless; see package actors for why.
//
// Commands are imperative, events past tense with a subject. Commands are sent as pointers, bells and events as values.
// Nothing here counts as activity of a session: only bytes do.
package messages
