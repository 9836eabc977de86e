package conformance

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// silence is the part of phase 3 about connections over which nothing goes because nobody sends: they are ended after the timeout, too,
// but only if they are silent in both directions and it was the peers who were.
func silence() []Case {
	const p = 3
	return []Case{
		{
			Phase: p, Name: "idle-cut", Title: "nobody sends: cut at the timeout",
			Sends:   "one round trip, then nothing",
			Expects: endedInTime, Why: "the rule for a connection over which nothing goes", Source: timeoutRule,
			Limit: 10 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return idle(t, idleAfterTrip) },
		},
		{
			Phase: p, Name: "idle-from-start", Title: "nobody ever sends: cut at the timeout",
			Sends:   "nothing",
			Expects: endedInTime, Why: "the watch must not begin with the first byte", Source: timeoutRule,
			Limit: 10 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return idle(t, idleFromStart) },
		},
		{
			Phase: p, Name: "idle-half-closed", Title: "the client has ended, the server keeps silent: cut at the timeout",
			Sends:   "one round trip and the client's end of stream, then nothing",
			Expects: endedInTime, Why: "half-closed connections that nobody ends are what fills up forwarders", Source: timeoutRule,
			Limit: 10 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return idle(t, idleHalfClosed) },
		},
		{
			Phase: p, Name: "idle-clock", Title: "a byte just before the timeout sets the clock back",
			Sends:   "a byte at 8/10 of the timeout, then nothing",
			Expects: endedInTime + ", counted from that byte",
			Why:     "the timeout is for silence, not for age", Source: timeoutRule,
			Limit: 10 * time.Second, Timeouts: 1.8, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return idle(t, idleLateByte) },
		},
		{
			Phase: p, Name: "idle-fin", Title: "an idle connection ends in order",
			Sends:   "one round trip, then nothing",
			Expects: "both sides see the end of the stream, not a reset",
			Why:     "every byte was delivered; a reset would tell the programs that some were not",
			Limit:   10 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: idleFIN,
		},
		{
			Phase: p, Name: "one-direction", Title: "one direction flows, the other is silent: not cut",
			Sends:   "a byte from the server every 4/10 of the timeout, two timeouts long; nothing from the client",
			Expects: "all bytes, and a round trip at the end",
			Why:     "a download is silent in one direction by nature", Source: timeoutRule,
			Limit: 10 * time.Second, Timeouts: 2, Load: Waiting, run: oneDirection,
		},
		{
			Phase: p, Name: "suspended", Title: "the forwarder itself is stopped for longer than the timeout",
			Sends:   "SIGSTOP to the forwarder, then a byte from the client; SIGCONT after 1.1 timeouts",
			Expects: "the byte arrives",
			Why:     "a laptop that sleeps, a machine that is moved: the peers were not silent, the forwarder did not listen",
			Limit:   10 * time.Second, Timeouts: 1.1, Load: Waiting, run: suspended,
		},
	}
}

// The ways in which a connection can become idle.
const (
	idleAfterTrip = iota
	idleFromStart
	idleHalfClosed
	idleLateByte
)

// becomeIdle makes a connection over which nothing goes any more, and returns when the last byte did.
func (t *Trial) becomeIdle(how int) (client, server *peer, last time.Time, err error) {
	f, d, err := t.forwardToListener()
	if err != nil {
		return nil, nil, last, err
	}
	if client, server, err = t.pair(f, d); err != nil {
		return nil, nil, last, err
	}
	s := t.stream(0)
	one := func(from, to *peer, off int64) {
		if err == nil {
			err = from.send(s, off, 1)
		}
		if err == nil {
			err = to.expect(s, off, 1)
		}
	}
	if how != idleFromStart {
		one(client, server, 0)
		one(server, client, 0)
	}
	if err == nil && how == idleHalfClosed {
		if err = client.finish(); err == nil {
			err = server.expectFIN()
		}
	}
	if err == nil && how == idleLateByte {
		err = t.pause(t.rule() * 8 / 10)
		one(client, server, 1)
	}
	return client, server, time.Now(), err
}

func idle(t *Trial, how int) error {
	client, server, last, err := t.becomeIdle(how)
	if err != nil {
		return err
	}
	return t.together(
		func() error { return t.awaitCut(client, standstill{last, last}) },
		func() error {
			if how == idleHalfClosed {
				return nil // the server has seen an end before, the client's; a reset is all that it could see now
			}
			return t.awaitCut(server, standstill{last, last})
		},
	)
}

func idleFIN(t *Trial) error {
	client, server, _, err := t.becomeIdle(idleAfterTrip)
	if err != nil {
		return err
	}
	end := func(p *peer) func() error {
		return func() error {
			end, err := p.end(t.rule() + late + time.Second)
			if err == nil && end != endFIN {
				err = wrong(fmt.Sprintf("the %s to see the %s", p.name, endFIN), "%s", end)
			}
			return err
		}
	}
	return t.together(end(client), end(server))
}

func oneDirection(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	s := t.stream(0)
	for i := range int64(5) {
		if err := server.send(s, i, 1); err != nil {
			return err
		}
		if err := client.expect(s, i, 1); err != nil {
			return err
		}
		if err := t.pause(t.rule() * 4 / 10); err != nil {
			return err
		}
	}
	if err := client.send(s, 0, 1); err != nil {
		return err
	}
	return server.expect(s, 0, 1)
}

func suspended(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	s := t.stream(0)
	if err := client.send(s, 0, 1); err != nil {
		return err
	}
	if err := server.expect(s, 0, 1); err != nil {
		return err
	}
	// The byte is here, but the forwarder may yet have to note that it has passed it on. Stopped before, it would do so afterwards, and
	// its clock would be right by chance.
	if err := t.pause(200 * time.Millisecond); err != nil {
		return err
	}
	f.signalAll(unix.SIGSTOP)
	if err := t.awaitStopped(f); err != nil {
		return err
	}
	if err := client.send(s, 1, 1); err != nil {
		return err
	}
	if err := t.pause(t.rule() * 11 / 10); err != nil {
		return err
	}
	f.signalAll(unix.SIGCONT)
	server.soon(promptly)
	return server.expect(s, 1, 1)
}

// awaitStopped waits until nothing of the forwarder runs any more. The signal takes a moment, in which a byte may still get through.
func (t *Trial) awaitStopped(f *forwarder) error {
	t.step("waiting for the forwarder to stand still")
	for limit := time.Now().Add(promptly); slices.ContainsFunc(f.processes(), func(p process) bool { return !p.stopped() }); {
		if time.Now().After(limit) {
			return &inapplicable{"the tester cannot stop the forwarder's processes"}
		}
		if err := t.pause(time.Millisecond); err != nil {
			return err
		}
	}
	t.step("")
	return nil
}
