// Package actors is the proxy: a tree of supervised actors on protoactor-go that forwards TCP connections.
//
// # The tree
//
// It is declared in tree.go, and every decision stands in supervision.go; whoever came to study supervision can read these two, and
// nothing else. In short:
//
//	guardian                        not an actor, so nobody can kill it; a failed listener is resumed, one that is gone is replaced
//	└── listener                    owns an endpoint: the listening socket, and the sessions of its clients
//	    ├── acceptor                lets clients in; always restarted
//	    ├── chaos                   with Config.Chaos only: kills the others at random; always restarted
//	    └── session-42              owns a connection: both sockets and both flows; restarted over them, or stopped
//	        ├── client-reader       client socket → flow up
//	        ├── server-writer       flow up       → server socket
//	        ├── server-reader       server socket → flow down
//	        └── client-writer       flow down     → client socket
//
// A child that panics has failed. So has one that stops although nobody in the tree ordered that: somebody else did, and its place must
// not stay empty. Orders are End, EndAll and Drain, and what a supervisor decides.
//
// # The rooms
//
//	tree.go, supervision.go                  who there is, and what is decided
//	restart.go, failures.go                  how that is carried out, and what is kept of failures
//	listener.go, acceptor.go, chaos.go       the actors of an endpoint; endpoint.go is what they must not lose
//	session.go, reader.go, writer.go         the actors of a connection; connection.go is what they must not lose
//	connect.go, ending.go                    the session's states before and after relaying; timeouts.go and progress.go watch over it
//	guardian.go, child.go                    the root; what a supervisor keeps of a child
//	shared.go, publish.go                    what all have in common; how it is told what happened
//	mailbox.go, bell.go, lane.go             on which goroutine an actor runs, and why no actor ever blocks another
//	proxy.go, kill.go, config.go             what an owner holds, asks and orders
//	start.go, limits.go, listen.go           how it begins; balance.go: between several listeners
//	resolver.go, itself.go                   where the destination is, and that it is not the proxy
//	survey.go, describe.go, stats.go         answers for those who ask what there is
//	record.go, restore.go                    what outlives the process, and how another one goes on with it; see package survival
//	point.go                                 the places at which a test can have an actor fail
//
// # Why killing loses nothing
//
// What must not be lost is not in any actor. Sockets, flows and counters are in the connection, which outlives every incarnation of its
// session; the listening socket, the clients that have been accepted, the connections and the owner's orders are in the endpoint, which
// outlives every listener. A child holds nothing but a pointer to it. Bytes are either in a socket or in a flow, and a flow passes from
// reader to writer in one atomic step that stands straight behind the system call that moved the bytes. Messages carry no bytes: they
// are doorbells (see package messages), and the message in hand when an actor panics is the only thing that the library drops. A new
// incarnation, and a successor, therefore begins by looking at everything, and by ringing those whom the last one may have owed a bell
// (refresh). A session that adopts a connection, and a listener that adopts an endpoint, do no more than that, either.
//
// # Who runs where
//
// A lane is one readiness loop: one goroutine, on which a listener, its acceptor, its sessions and their children take turns. A loop
// hears of a ready socket and rings its reader or writer; no handler blocks, and no goroutine is parked per connection. With several loops
// each has a listener of its own, with a listening socket of its own on the same port, among which the system shares out the clients, and
// an actor system of its own: nothing is shared, since whatever two processors write to is a thing that both wait for, and what does not
// cost much with two costs all with sixty-four. What lanes have in common does not change after Start, but for the strategy in force, and
// for the number of live sessions, which each lane writes for itself and reads of the others. So nothing in a session's birth, life and
// death takes a lock that another lane takes, or crosses to another lane; the one exception is a client whom an acceptor gives away since
// its own lane is far worse off than another (balance.go). Messages may come from any goroutine; they wait in the loop's queue.
//
// # The life of a session
//
// The states and their transitions are drawn where they are declared: see state, in connection.go.
//
//	connecting  look up the name (off the loops), try the addresses in turn, 250 ms apart (RFC 8305);
//	            the client is watched, its bytes are left in its socket
//	relaying    four children move bytes; the session only hears of ends (Review), of the first byte after a rest (Active) and of
//	            its own receive-timeout, on which it looks whether anyone is silent or stuck
//	delivering  a side was reset: what it had sent is delivered and acknowledged first
//	lingering   both directions are over, one because its sink is gone: what that side's peer was sent must arrive
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
// # Embedding
//
//	cfg := actors.DefaultConfig()
//	cfg.Host, cfg.Port, cfg.ListenPort = "db.local", 5432, 5432
//	proxy, err := actors.Start(cfg, func(event any) { … })   // see messages for the events
//	…
//	err = proxy.Shutdown(ctx)                                // drains; whoever is still there when ctx ends is reset
//
// The Example shows it at work. Sessions, Tree, EndSession, SetSupervision and Kill ask and tell the running proxy.
//
// # Add a strategy
//
// From outside, a Strategy in Config.Strategies is all it takes. For one that everybody gets:
//
//  1. Write the function in supervision.go, beside the others: it is given a Failure, and answers by calling its directives.
//  2. Add its row to the table strategies: a name, and a summary from which the help text and the admin API take it.
//  3. Say in TestDecisions (supervision_test.go) what it answers to a first failure, to a stop, and to one failure too many;
//     and in answer (in package test), who restarts how often in a real connection. The tests visit every row of the table, so
//     they fail until both know the new one.
//  4. go test ./test -run 'TestTraces|TestStrategiesAsMeasured' -update writes its trace to test/testdata, and its measured line to
//     test/testdata/strategies.md. Read both: do they say what you meant?
//  5. Name it in cmd/internal/lab: in experiment.schema.json, and in the experiment "strategies". A run of the laboratory then gives
//     the README its row (see test/lab/README.md); TestReadmeKnowsEveryStrategy looks for it there.
//
// # Glossary
//
//	adoption     a new actor takes over what one that is gone has left: a connection, or an endpoint
//	bell         a message that carries nothing but "look again" (a doorbell): one bit in the mailbox
//	child        what a supervisor keeps of a place below it; its actor comes and goes
//	connection   what a session and its children must not lose: two sockets, two flows, and what has happened to them
//	directive    what a supervisor decides: restart, resume, stop, escalate
//	endpoint     what a listener, its acceptor and its sessions must not lose; one for each loop
//	flow         one direction of a connection: at most one chunk of bytes on its way (package wire)
//	incarnation  an actor's instance between two restarts; the actor, its PID and its mailbox stay
//	intensity    how many restarts of a child are allowed within the period (Config.MaxRestarts, Config.Within)
//	lane         a readiness loop and the actors that take turns on its goroutine
//	order        what ends a connection or an endpoint on purpose; it stands in what it ends, so that it outlives whoever was told
//	strategy     a way to answer the failures of a supervisor's children
//	survey       a copy of what there is, made in slices for those who ask
package actors
