// Package wire moves bytes between sockets without blocking. It knows nothing of actors: it is what they stand on, and is
// tested by itself.
//
//	Loop    one goroutine that waits for readiness (epoll, kqueue), for due timers and for posted tasks, and runs what is due
//	Socket  a non-blocking descriptor that a Loop watches, edge-triggered, from Open to Close
//	Flow    one direction of a connection: at most one chunk, in a pooled buffer or in a kernel pipe
//	Timer   a deadline on a Loop, coarse and cheap
//	Note    where a Flow's chunk is, in memory that outlives the process; Truth is what the system knows of a socket, whoever used it
//
// # Who runs what
//
// Everything here belongs to the goroutine that runs the Loop, and nothing takes a lock, but to wake a loop that sleeps. The exceptions
// are said where they are declared: Loop.Post and Loop.Close may be called from anywhere, and so may the reading methods of a Flow's
// counters.
//
// # Why nobody misses a wake-up
//
// Readiness is edge-triggered: an edge is told once. A reader may stop reading for three reasons only, and each has its own call
// back. The socket is dry: the next arrival is a new edge. The flow is full: the reader has left its mark in the flow, and whoever
// empties the flow sees the mark in the same atomic step. It has read enough for one turn: it posts itself again. The same holds
// for a writer: the socket is full (the next space is a new edge), or the flow is empty (whoever fills it rings).
// TestHandOffExhaustively walks through every interleaving of these steps.
package wire
