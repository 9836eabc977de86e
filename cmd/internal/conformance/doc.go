// Package conformance tests a TCP forwarder from the outside: it starts the forwarder as a process, plays both the clients and
// the destination, and judges what the peers see. It knows nothing of how the forwarder is made.
//
//	Runner          chooses the cases, runs them side by side, hands each Result on in order
//	└── Trial       one run of one Case: its sockets, its deadline, its random numbers
//	    ├── forwarder     the process under test, a fresh one for every trial
//	    ├── destination   where the forwarder connects to
//	    └── peer          one end of a forwarded connection, a client's or a server's
//
// A trial has a forwarder of its own for three reasons: trials can run at the same time, a forwarder that one case has broken
// does not fail the next one, and readings of descriptors and memory mean something.
//
// Nothing here can wait for ever. Every socket carries its trial's deadline, and when that has passed the trial's sockets are
// closed and its forwarder is killed, so that whatever is still waiting comes back with an error.
package conformance
