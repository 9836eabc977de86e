// Package actors is the proxy: a tree of supervised actors on protoactor-go that forwards TCP connections.
//
// # The tree
//
//	guardian                           a failed listener is resumed: its sessions must survive it
//	└── listener                       owns the listening socket, spawns a session per client;
//	    │                              a failed session is restarted over the same sockets, or stopped (--session-supervision)
//	    ├── acceptor                   lets clients in; always restarted, and nobody notices
//	    ├── chaos                      with --chaos only: kills the others at random
//	    └── session-42                 owns both sockets and both flows: the error kernel of one connection;
//	        │                          a failed child is answered by the chosen strategy (--supervision)
//	        ├── client-reader          client socket → flow up
//	        ├── server-writer          flow up       → server socket
//	        ├── server-reader          server socket → flow down
//	        └── client-writer          flow down     → client socket
//
// To study supervision, read supervision.go: every strategy and decider, from the top of the tree down. Then session.go (the life of a
// connection), ending.go and idle.go (its death), reader.go and writer.go (the work), mailbox.go (why no actor ever blocks another).
//
// # Why killing loses nothing
//
// What must not be lost is not in any actor. Sockets, flows and counters are in the connection, which the session owns and which outlives
// every incarnation; a child holds nothing but a pointer to it. Bytes are either in a socket or in a flow, and a flow passes from
// reader to writer in one atomic step that stands straight behind the system call that moved the bytes. Messages carry no bytes: they
// are doorbells (see package messages), and the message in hand when an actor panics is the only thing that the library drops. A new
// incarnation therefore begins by looking at everything, and by ringing those whom the last one may have owed a bell (pickUp).
//
// # Who runs where
//
// Every session belongs to a lane: one readiness loop, one goroutine, on which the session and its children take turns with all others
// of that lane. A loop hears of a ready socket and rings its reader or writer; no handler blocks, and no goroutine is parked per
// connection. The listener, the acceptor and chaos live on lane 0. Messages may come from any goroutine; they wait in the loop's queue.
//
// # The life of a session
//
//	connecting  look up the name (off the loops), try the addresses in turn, 250 ms apart (RFC 8305);
//	            the client is watched, its bytes are left in its socket
//	relaying    four children move bytes; the session only hears of ends (Review), of the first byte after a rest (Stirred) and of
//	            its own receive-timeout, on which it looks whether anyone is silent or stuck
//	closing     sockets are closed already, the tree is being stopped
//
// # How a session ends
//
//	both directions ended            finished        both sockets closed: FIN
//	nothing moved for IdleTimeout    idle            FIN to both, unless bytes are stuck: then RST
//	a flow stuck for HangTimeout     hung            RST to both, since a stream is incomplete
//	a side reset                     client-reset,   what it had sent is delivered and acknowledged first, then RST to the other
//	                                 server-reset
//	a side takes no more bytes       the same        what it had sent is delivered, with its FIN; its peer may go on for a second
//	the destination is not there     refused, …      RST to the client, one line in the log
//	a supervisor gave up             supervision     RST to both: an abnormal end looks abnormal
//	told to                          shutdown, ended RST to both
//
// # What each strategy did
//
// Measured by TestSupervisionTable and its siblings in package test, which also write test/testdata/strategies.md:
//
//	strategy     after a kill           the connection   bytes lost or repeated
//	one-for-one  that child restarted   lives            0
//	all-for-one  all four restarted     lives            0
//	backoff      that child, later      lives, stalls    0
//	resume       nobody restarted       lives            0
//	stop         the session stopped    reset            ends there
//	escalate     the session restarted  lives            0
package actors
