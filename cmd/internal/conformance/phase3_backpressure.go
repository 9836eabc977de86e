package conformance

import (
	"fmt"
	"time"
)

// backPressure is the part of phase 3 about peers that do not read for a while: the sender must feel it, and nobody else.
func backPressure() []Case {
	const p = 3
	bounded := fmt.Sprintf("the forwarder's memory grown by %s at most", size(heldMemory))
	return []Case{
		{
			Phase: p, Name: "stall-server", Title: "the server stalls, then reads on",
			Sends:   "24 MiB to a server that reads nothing for 8/10 of the timeout, " + soonFull,
			Expects: "the sender stuck meanwhile; then everything, unchanged",
			Why:     "a stall is not a hang; what was held back must come out whole",
			Limit:   20 * time.Second, Timeouts: 0.8, Load: Waiting, run: func(t *Trial) error { return stall(t, true) },
		},
		{
			Phase: p, Name: "stall-client", Title: "the client stalls, then reads on",
			Sends:   "24 MiB to a client that reads nothing for 8/10 of the timeout, " + soonFull,
			Expects: "the sender stuck meanwhile; then everything, unchanged",
			Why:     "as above, in the other direction",
			Limit:   20 * time.Second, Timeouts: 0.8, Load: Waiting, run: func(t *Trial) error { return stall(t, false) },
		},
		{
			Phase: p, Name: "others-server", Title: "servers that refuse to read, others unaffected",
			Sends:   "8 connections filled until nothing goes, to servers that do not read; then 40 connections with 256 KiB there and back",
			Expects: "the 40 served in full, the slowest within 3 s",
			Why:     "one reader that hangs must not stop the rest: no common lock, no common buffer, no loop that waits for one of them",
			Limit:   20 * time.Second, Load: Waiting, run: func(t *Trial) error { return othersUnaffected(t, true) },
		},
		{
			Phase: p, Name: "others-client", Title: "clients that refuse to read, others unaffected",
			Sends:   "8 connections filled until nothing goes, to clients that do not read; then 40 connections with 256 KiB there and back",
			Expects: "the 40 served in full, the slowest within 3 s",
			Why:     "as above, in the other direction",
			Limit:   20 * time.Second, Load: Waiting, run: func(t *Trial) error { return othersUnaffected(t, false) },
		},
		{
			Phase: p, Name: "memory-server", Title: "a server that refuses to read, memory bounded",
			Sends:   "as much as the client can get rid of, up to 160 MiB, on 2 connections",
			Expects: "the client stuck once the kernel's buffers are full; " + bounded,
			Why:     "a forwarder that reads what it cannot get rid of is brought down by one slow reader",
			Limit:   20 * time.Second, Load: Waiting, run: func(t *Trial) error { return memoryBounded(t, true) },
		},
		{
			Phase: p, Name: "memory-client", Title: "a client that refuses to read, memory bounded",
			Sends:   "as much as the server can get rid of, up to 160 MiB, on 2 connections",
			Expects: "the server stuck once the kernel's buffers are full; " + bounded,
			Why:     "as above, in the other direction",
			Limit:   20 * time.Second, Load: Waiting, run: func(t *Trial) error { return memoryBounded(t, false) },
		},
	}
}

// heldMemory is how much a forwarder may hold in memory for two blocked connections.
const heldMemory = 24 << 20

func stall(t *Trial, serverRefuses bool) error {
	const n = 24 << 20
	f, d, err := t.hungForwarder(serverRefuses)
	if err != nil {
		return err
	}
	sender, refuser, err := t.hungPair(f, d, serverRefuses)
	if err != nil {
		return err
	}
	s := t.stream(0)
	return t.together(
		func() error { return sender.sendAll(s, n) },
		func() error {
			if err := t.pause(t.rule() * 8 / 10); err != nil {
				return err
			}
			_ = refuser.SetReadBuffer(256 << 10) // or the rest would take long
			return refuser.expectAll(s, n)
		},
	)
}

func othersUnaffected(t *Trial, serverRefuses bool) error {
	f, d, err := t.hungForwarder(serverRefuses)
	if err != nil {
		return err
	}
	var fills []func() error
	for i := range 8 {
		sender, _, err := t.hungPair(f, d, serverRefuses)
		if err != nil {
			return err
		}
		fills = append(fills, func() error {
			_, _, err := sender.fillUp(t.stream(i), 0, fillLimit)
			return err
		})
	}
	t.step("filling the buffers of 8 connections")
	if err := t.together(fills...); err != nil {
		return err
	}
	t.step("serving others beside 8 hung connections")
	d.echo()
	// Less than the timeout in any case: when the hung ones are cut, whoever had waited for them can go on.
	limit := min(promptly, t.rule()/2)
	return t.times(40, 5, func(i int) error {
		begin := time.Now()
		if err := t.echoOnce(f, t.stream(100+i), 256<<10); err != nil {
			return err
		}
		if took := time.Since(begin); took > limit {
			return wrong(fmt.Sprintf("each of the other connections served within %v", limit), "%s", seconds(took))
		}
		return nil
	})
}

func memoryBounded(t *Trial, serverRefuses bool) error {
	f, d, err := t.hungForwarder(serverRefuses)
	if err != nil {
		return err
	}
	// A connection before the reading, so that what is set up once does not count.
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	if err := client.send(t.stream(0), 0, 1000); err != nil {
		return err
	}
	if err := server.expect(t.stream(0), 0, 1000); err != nil {
		return err
	}
	before := f.memory()
	var fills []func() error
	for i := range 2 {
		sender, refuser, err := t.hungPair(f, d, serverRefuses)
		if err != nil {
			return err
		}
		fills = append(fills, func() error {
			_, _, err := t.untilStuck(sender, refuser, t.stream(1+i))
			return err
		})
	}
	if err := t.together(fills...); err != nil {
		return err
	}
	grown := f.memory() - before
	t.note("%s more memory with 2 blocked connections", size(max(grown, 0)))
	if grown > heldMemory {
		return wrong(fmt.Sprintf("at most %s more memory", size(heldMemory)), "%s", size(grown))
	}
	return nil
}
