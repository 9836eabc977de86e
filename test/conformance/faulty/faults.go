package main

import "fmt"

// fault is one way to be wrong.
type fault struct {
	name  string
	does  string
	apply func(p *proxy)
}

var faults = []fault{
	{"no-half-close", "closes the whole connection when one direction has ended", noHalfClose},
	{"no-eof", "never passes on the end of a stream", noEOF},
	{"reset-for-fin", "resets where it should pass on the end of a stream", resetForFIN},
	{"impatient-close", "gives a half-closed connection half a second", impatientClose},
	{"drop-last", "loses the last byte of some chunks", dropLast},
	{"bit-flip", "changes a bit now and then", bitFlip},
	{"merge", "sends some chunks to another client", merge},
	{"hold-back", "waits for more before it passes on a small chunk", holdBack},
	{"one-at-a-time", "serves one client at a time", oneAtATime},
	{"one-lock", "holds one lock around all writes", oneLock},
	{"no-bound", "reads on while the other side takes nothing", noBound},
	{"never-cuts", "does not end connections that hang", neverCuts},
	{"cuts-early", "ends connections at 3/10 of the timeout", cutsEarly},
	{"any-byte-counts", "takes a byte in one direction for progress in both", anyByteCounts},
	{"writes-count", "takes only its own writes for progress, not what the peer takes from the buffers", writesCount},
	{"buffer-counts", "takes what the system has buffered for a peer for progress of the peer", bufferCounts},
	{"blind-clock", "looks at the clock before it looks at the sockets", blindClock},
	{"urgent-ends", "takes the urgent mark for the end of the stream", urgentEnds},
	{"lazy-connect", "connects to the destination when the client has spoken", lazyConnect},
	{"fin-for-reset", "passes on a reset as the end of the stream", finForReset},
	{"drop-on-reset", "throws away what it holds when a side is gone", dropOnReset},
	{"holds-refused", "keeps a client whose destination does not answer", holdsRefused},
	{"dies-refused", "ends when the destination does not answer", diesRefused},
	{"leak", "leaves sockets open", leak},
	{"spins", "wakes up all the time while a connection is open", spins},
	{"dies-accept", "ends when it cannot accept", diesAccept},
	{"no-drain", "ends at once when told to, with whatever is under way", noDrain},
	{"deaf", "does not end when told to", deaf},
	{"ipv4-only", "listens on IPv4 only", ipv4Only},
	{"quiet-usage", "says nothing of wrong arguments", quietUsage},
	{"forgets-all", "survives its worker, and loses all connections", forgetsAll},
	{"loses-held", "survives its worker, but for what that had read and not yet written", losesHeld},
	{"repeats-held", "survives its worker, and writes again what that had written just before", repeatsHeld},
	{"forgets-resets", "survives its worker, and takes for ended what that knew to be reset", forgetsResets},
	{"hoards", "survives its worker, and leaves sockets open each time", hoards},
}

// switchOn switches on the fault of this name; no name, no fault.
func (p *proxy) switchOn(name string) error {
	if name == "" {
		return nil
	}
	for _, f := range faults {
		if f.name == name {
			f.apply(p)
			return nil
		}
	}
	return fmt.Errorf("%w: no fault is called %q; --list names them", errUsage, name)
}
