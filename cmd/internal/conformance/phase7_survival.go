package conformance

import (
	"fmt"
	"time"
)

// survival is phase 7: the forwarder's worker is killed, and its connections go on as if nothing had happened. Not many claim that.
func survival() []Case {
	const p = 7
	const again = "; meanwhile kill -9 of the worker, again and again (--kills)"
	intact := "nobody notices: every byte in its place, no end and no reset that no peer has sent"
	all := []Case{
		{
			Name: "killed-upload", Title: "four uploads at full speed",
			Sends: "as much as goes from four clients, until the last kill; then the ends",
			Why:   "what the worker had read and not yet written is in its memory, or in nobody's",
			run:   func(t *Trial) error { return killedTransfers(t, true) },
		},
		{
			Name: "killed-download", Title: "four downloads at full speed",
			Sends: "as much as goes from the server on four connections, until the last kill; then the ends",
			Why:   "as above, in the other direction",
			run:   func(t *Trial) error { return killedTransfers(t, false) },
		},
		{
			Name: "killed-ping-pong", Title: "questions and answers",
			Sends: "1 to 2,000 bytes, and only when they have come back the next, on eight connections",
			Why:   "a byte that is lost stops the talk for ever, one that is repeated answers the wrong question",
			run:   killedPingPong,
		},
		{
			Name: "killed-half-closed", Title: "one side has ended, the other goes on",
			Sends: "two long answers, in either direction, to a side that has ended; " +
				"beside them short questions with an end, each answered when the end has come",
			Why: "the next worker must know which ends have come and which it has passed on, or it never ends, or too early",
			run: killedHalfClosed,
		},
		{
			Name: "killed-stalled", Title: "peers that read nothing for a while",
			Sends: "at full speed and in small pieces until nobody takes any more, in either direction, then nothing until the last kill, " +
				"or for half of the timeout; then the rest is read, " + soonFull,
			Why:  "all buffers on the way are full, and nothing tells the next worker what is in them",
			Load: Waiting, run: killedStalled,
		},
		{
			Name: "killed-slow-readers", Title: "peers that read slowly",
			Sends: "as much as goes in either direction, to peers that take 4 KiB at a time, " + soonFull,
			Why:   "the kill falls between the pieces of a write that was taken in parts",
			run:   killedSlowReaders,
		},
		{
			Name: "killed-resets", Title: "resets under way",
			Sends: "128 KiB in each direction and, when a part of it is there, a reset from the client or the server, over and over",
			Why:   "a reset is told once: whoever was told may be dead, and the next worker takes the connection for one that ended in order",
			run:   killedResets,
		},
		{
			Name: "killed-storm", Title: "clients that keep coming",
			Sends: "32 clients at a time that connect, send up to 2,000 bytes, get them back, and leave",
			Why:   "a client may be accepted and known to nobody, or wait while nobody listens",
			run:   killedStorm,
		},
		{
			Name: "killed-drain", Title: "told to stop with live connections",
			Sends: "the signal of --drain-signal in the middle of four connections, which go on until the last kill, and then end",
			Why:   "the next worker must go on with the connections, but not open the port again, and must know when to end",
			Needs: NeedDrain, run: killedDrain,
		},
		{
			Name: "killed-many", Title: "connections by the thousand",
			Sends: "as many connections as --many says, and round trips on all of them in turn; after the last kill one on each",
			Why: "what takes a moment for one takes longer for many; and a leak in each of them fills the table of descriptors " +
				"of a worker that lives on and on",
			Load: Heavy, run: killedMany,
		},
	}
	for i := range all {
		c := &all[i]
		c.Phase, c.Needs, c.Limit, c.PerKill = p, c.Needs|NeedSurvival, 30*time.Second, time.Second
		c.Sends += again
		c.Expects = intact
	}
	all[6].Expects = "the other side sees a reset, after nothing but right bytes"
	all[8].Expects = fmt.Sprintf("%s; nobody listens any more; the process ends with exit code 0 within %v after its last connection",
		intact, promptly)
	all[9].Expects = fmt.Sprintf("%s; the same number of descriptors and processes as before, within %v", intact, promptly)
	return all
}
