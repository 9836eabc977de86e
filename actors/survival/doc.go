// Package survival lets a proxy outlive its process: supervision goes on below it. The operating system's process may be killed at any
// instant, and not a byte of any connection is lost, repeated or reordered.
//
//	tcpproxy --survive …       keeper: in the foreground, passes signals on, owns nothing
//	├── worker                 the proxy: actors, loops, connections
//	└── holder                 shares the worker's descriptor table, sleeps; becomes the next worker when that one dies
//
// # What lives on
//
// Three things have to outlive a process for its connections to do so.
//
// Descriptors. The holder is a clone of the worker that shares its table of descriptors (CLONE_FILES). Whatever the worker opens or closes
// is opened or closed there in the same instant: no message, no window, and no second reference that would keep a closed connection open.
// When the worker is gone, the holder executes the program. An exec keeps the table, but for what is marked close-on-exec: so the holder
// becomes the next worker, with every socket and pipe under its number. Before that it clones itself, so that there is a second
// process while the next worker is not up yet. See holder_linux.go.
//
// State. Memory, in this package, is a file without a name that all the processes map: a Record for each connection, a wire.Note for each
// of its flows, and the chunks that flows hold bytes in. Actors, mailboxes, loops and timers are not kept. They are made anew, in the way
// in which a new listener adopts what the last one has left.
//
// The truth. What is written down may be one step old: no store can be made in the same instant as a system call. But the system counts,
// for each TCP connection, what it has received, what was read, what was acknowledged and what still waits to be: so what was taken from
// a source and what was given to a sink is known to the byte, whoever did it and whenever he died. See wire.Truth.
//
// # Why every instant is covered
//
// A process dies between two of its instructions; what it has stored is stored, what it has not is not. So it is enough to look between
// any two stores and system calls of everything that is done to a connection. In what follows each line is an instant to die in, and what
// a successor does. The names are those of the seams (wire.Seam), at which a test kills the process, one after the other.
//
// Accepting a client:
//
//	accept: accepted             no record names the socket, it is on the listening port, and nothing was read or written: it gets a session
//	accept: record taken         the same; the record is not live, so it is free
//	accept: record opened        a session that connects
//
// Connecting:
//
//	(before)                     the socket to the destination has no name and is reset; the session connects again
//	connect: about to be noted   the same: nothing was read from the client, so nothing is lost
//	connect: noted               a session that relays
//
// Filling a flow from its source, and draining it: see wire.Note, which lists what the two words say at each step.
//
//	fill: chunk noted, start noted       taken = given: the flow holds nothing, whatever the note says
//	fill: received                       the chunk that the note names holds what was taken since it began; some of it was given
//	fill: pipe noted                     the pipe is empty
//	fill: spliced, spliced more          what is in the pipe that the note names is what the flow holds
//	drain: about to send, sent           as before, with what the sink has been given since
//	drain: pipe forgotten                the pipe is empty, and has no name: it is closed
//
// The end of a stream, and errors:
//
//	(read says "end")            it says so again
//	fill: failed                 an error is told once, and this one has not been noted. But the connection is closed, although no FIN
//	                             has gone out or none has come in: it was reset, and is taken for that
//	fill: failure noted          the note says so
//	shut: noted                  the flow has ended and is empty. If the system says that the FIN is out, it is; otherwise it is sent now
//	shut: done                   the same
//	cut: noted                   the flow is given up; what its source still sends is dropped
//
// Closing:
//
//	close: cause noted           the sockets that are still open are closed, in the way that the cause asks for
//	close: closed                the same. A descriptor that has become another socket's is told by its peer's address
//	close: record freed          nothing is left to do
//
// Draining and ending, by the owner's order:
//
//	drain: order noted                     the new listener obeys it
//	drain: listening socket forgotten      it has no name, and is closed
//
// And restoring itself, which may be cut short like everything else: it changes nothing but what a second attempt would change in the same
// way. A connection whose restoring ends three processes in a row is the one to blame: it is reset, and the others live.
//
// # What is not covered
//
// If worker and holder are killed within the same few milliseconds, nobody holds the sockets any more: the system resets the connections.
// The keeper then begins anew, on the same port. Look-ups of names and callers of the admin API end with the process. The last lines of
// the log may be missing, since logging never makes a session wait.
package survival
