package conformance

import (
	"fmt"
	"time"
)

// refusals is phase 3: peers that do not read. Back-pressure must reach the sender, nobody else may notice, and after the timeout
// the pair is ended; but only a pair that really stands still.
func refusals() []Case {
	const p = 3
	const rule = `the assignment: "if either side of a connection hangs for more than 10 seconds, that pair is terminated"`
	hold := fmt.Sprintf("with receive buffers of %s, to fill them soon", size(smallBuffer))
	ended := fmt.Sprintf("both sides ended, no earlier than %v before the timeout and no later than %v after it", early, late)
	return []Case{
		{
			Phase: p, Name: "stall-server", Title: "the server stalls, then reads on",
			Sends:   "24 MiB to a server that reads nothing for 8/10 of the timeout, " + hold,
			Expects: "the sender stuck meanwhile; then everything, unchanged",
			Why:     "a stall is not a hang; what was held back must come out whole",
			Limit:   20 * time.Second, Timeouts: 0.8, Load: Waiting, run: func(t *Trial) error { return stall(t, true) },
		},
		{
			Phase: p, Name: "stall-client", Title: "the client stalls, then reads on",
			Sends:   "24 MiB to a client that reads nothing for 8/10 of the timeout, " + hold,
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
			Expects: fmt.Sprintf("the client stuck once the kernel's buffers are full; the forwarder's memory grown by %s at most", size(heldMemory)),
			Why:     "a forwarder that reads what it cannot get rid of is brought down by one slow reader",
			Limit:   20 * time.Second, Load: Waiting, run: func(t *Trial) error { return memoryBounded(t, true) },
		},
		{
			Phase: p, Name: "memory-client", Title: "a client that refuses to read, memory bounded",
			Sends:   "as much as the server can get rid of, up to 160 MiB, on 2 connections",
			Expects: fmt.Sprintf("the server stuck once the kernel's buffers are full; the forwarder's memory grown by %s at most", size(heldMemory)),
			Why:     "as above, in the other direction",
			Limit:   20 * time.Second, Load: Waiting, run: func(t *Trial) error { return memoryBounded(t, false) },
		},
		{
			Phase: p, Name: "slow-server", Title: "a steady slow server is not cut",
			Sends:   "12 MiB to a server that reads 8 KiB a second for 1.6 timeouts, and then the rest at once",
			Expects: "every byte, then the end",
			Why:     "slow is not hung: with large buffers in the kernel the forwarder may see nothing move for a long time although the peer reads steadily",
			Limit:   20 * time.Second, Timeouts: 1.6, Load: Waiting, run: func(t *Trial) error { return slowReader(t, true) },
		},
		{
			Phase: p, Name: "slow-client", Title: "a steady slow client is not cut",
			Sends:   "12 MiB to a client that reads 8 KiB a second for 1.6 timeouts, and then the rest at once",
			Expects: "every byte, then the end",
			Why:     "as above, in the other direction",
			Limit:   20 * time.Second, Timeouts: 1.6, Load: Waiting, run: func(t *Trial) error { return slowReader(t, false) },
		},
		{
			Phase: p, Name: "cut-server", Title: "the server refuses to read: cut at the timeout",
			Sends:   "bytes from the client until nobody takes any more; the server reads nothing, " + hold,
			Expects: ended, Why: "the rule itself", Source: rule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return cut(t, true) },
		},
		{
			Phase: p, Name: "cut-client", Title: "the client refuses to read: cut at the timeout",
			Sends:   "bytes from the server until nobody takes any more; the client reads nothing, " + hold,
			Expects: ended, Why: "the rule itself, in the other direction", Source: rule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return cut(t, false) },
		},
		{
			Phase: p, Name: "cut-both", Title: "both refuse to read: cut at the timeout",
			Sends:   "bytes from both sides until nobody takes any more; nobody reads",
			Expects: ended, Why: "no end of stream can be seen on either side; only the clock ends this", Source: rule,
			Limit: 20 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: cutBoth,
		},
		{
			Phase: p, Name: "cut-one-way-up", Title: "the server refuses to read but goes on sending: cut at the timeout",
			Sends:   "bytes from the client until nobody takes any more; meanwhile the server sends a byte every 100 ms, which the client reads",
			Expects: ended,
			Why:     "a clock that any byte sets back never sees that one direction hangs", Source: rule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return cutOneWay(t, true) },
		},
		{
			Phase: p, Name: "cut-one-way-down", Title: "the client refuses to read but goes on sending: cut at the timeout",
			Sends:   "bytes from the server until nobody takes any more; meanwhile the client sends a byte every 100 ms, which the server reads",
			Expects: ended, Why: "as above, in the other direction", Source: rule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return cutOneWay(t, false) },
		},
		{
			Phase: p, Name: "cut-after-fin", Title: "the client has ended its stream, the server never reads it: cut at the timeout",
			Sends:   "what the buffers hold and the end of the stream from the client; the server reads nothing",
			Expects: ended, Why: "a session whose one direction has ended must not drop out of the watch", Source: rule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: cutAfterFIN,
		},
		{
			Phase: p, Name: "idle-cut", Title: "nobody sends: cut at the timeout",
			Sends:   "one round trip, then nothing",
			Expects: ended, Why: "the rule for a connection over which nothing goes", Source: rule,
			Limit: 10 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return idle(t, idleAfterTrip) },
		},
		{
			Phase: p, Name: "idle-from-start", Title: "nobody ever sends: cut at the timeout",
			Sends:   "nothing",
			Expects: ended, Why: "the watch must not begin with the first byte", Source: rule,
			Limit: 10 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return idle(t, idleFromStart) },
		},
		{
			Phase: p, Name: "idle-half-closed", Title: "the client has ended, the server keeps silent: cut at the timeout",
			Sends:   "one round trip and the client's end of stream, then nothing",
			Expects: ended, Why: "half-closed connections that nobody ends are what fills up forwarders", Source: rule,
			Limit: 10 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return idle(t, idleHalfClosed) },
		},
		{
			Phase: p, Name: "idle-clock", Title: "a byte just before the timeout sets the clock back",
			Sends:   "a byte at 8/10 of the timeout, then nothing",
			Expects: ended + ", counted from that byte",
			Why:     "the timeout is for silence, not for age", Source: rule,
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
			Why:     "a download is silent in one direction by nature", Source: rule,
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

// early and late are how far from the timeout a cut may come. The assignment allows half a second either way; the rest of late
// is for the machine, on which everything else happens at the same time.
const (
	early = 500 * time.Millisecond
	late  = 1000 * time.Millisecond
)

// heldMemory is how much a forwarder may hold in memory for two blocked connections.
const heldMemory = 24 << 20

// fillLimit is more than the kernel takes for one connection before it stops the sender: its receive buffer has to stay below
// 32 MiB by default, its send buffers below 4 MiB, on either side of the forwarder.
const fillLimit = 160 << 20

// hungPair makes a connection of which one side does not read, and returns the side that sends and the one that refuses.
func (t *Trial) hungPair(f *forwarder, d *destination, serverRefuses bool) (sender, refuser *peer, err error) {
	with := dialing{}
	if !serverRefuses {
		with.receiveBuffer = smallBuffer
	}
	client, server, err := t.pairWith(f, d, with)
	if serverRefuses {
		return client, server, err
	}
	return server, client, err
}

// hungForwarder starts a forwarder whose destination has small buffers if it is the one to refuse.
func (t *Trial) hungForwarder(serverRefuses bool) (*forwarder, *destination, error) {
	if serverRefuses {
		return t.forwardToListenerWith(smallBuffer)
	}
	return t.forwardToListener()
}

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

func slowReader(t *Trial, serverReads bool) error {
	const n = 12 << 20
	const rate = 8 << 10 // bytes a second
	const turns = 4      // reads a second
	f, d, err := t.hungForwarder(serverReads)
	if err != nil {
		return err
	}
	sender, reader, err := t.hungPair(f, d, serverReads)
	if err != nil {
		return err
	}
	s := t.stream(0)
	return t.together(
		func() error { return sender.sendAll(s, n) },
		func() error {
			begin, off := time.Now(), int64(0)
			for time.Since(begin) < t.rule()*16/10 {
				if err := reader.expect(s, off, rate/turns); err != nil {
					return fmt.Errorf("after %s of slow reading: %w", seconds(time.Since(begin)), err)
				}
				off += rate / turns
				if err := t.pause(time.Second / turns); err != nil {
					return err
				}
			}
			_ = reader.SetReadBuffer(256 << 10)
			if err := reader.expect(s, off, n-off); err != nil {
				return err
			}
			return reader.expectFIN()
		},
	)
}

// standstill is when a connection came to a stop. From outside, that is a span and not a moment: a side that refuses to read took
// its last byte (first), and after that the sender's kernel could still get rid of bytes that now fill the forwarder's socket (last).
type standstill struct{ first, last time.Time }

// untilStuck fills up a connection and says when it came to a stop.
func (t *Trial) untilStuck(sender, refuser *peer, s stream) (sent int64, stop standstill, err error) {
	t.step("sending until nobody takes any more")
	if sent, stop.last, err = sender.fillUp(s, 0, fillLimit); err != nil {
		return sent, stop, err
	}
	if sent == fillLimit {
		return sent, stop, wrong(fmt.Sprintf("the %s to be stuck before %s", sender.name, size(fillLimit)), "all taken, though nobody reads")
	}
	if stop.first, err = refuser.lastReceived(); err == nil && stop.first.After(stop.last) {
		stop.first, stop.last = stop.last, stop.first
	}
	t.step("")
	return sent, stop, err
}

// inTime judges the moment when a connection was ended that had come to a stop.
func (t *Trial) inTime(p *peer, end ending, stop standstill, at time.Time) error {
	least, most := at.Sub(stop.last), at.Sub(stop.first)
	t.note("%s: %s after %s", p.name, end, seconds(least))
	if most < t.rule()-early || least > t.rule()+late {
		return wrong(t.cutExpected(p), "%s after %s", end, seconds(most))
	}
	return nil
}

func (t *Trial) cutExpected(p *peer) string {
	return fmt.Sprintf("the %s to be ended %s to %s after the last byte moved", p.name, seconds(t.rule()-early), seconds(t.rule()+late))
}

// awaitCut waits until a peer whose connection had come to a stop sees the end, and judges the time.
func (t *Trial) awaitCut(p *peer, stop standstill) error {
	t.step("waiting for the %s to be ended", p.name)
	end, at, ok := p.awaitState(stop.last.Add(t.rule() + late + time.Second))
	if !ok {
		return wrong(t.cutExpected(p), "no end after %s", seconds(at.Sub(stop.last)))
	}
	t.step("")
	return t.inTime(p, end, stop, at)
}

// collapse lets a side that refused to read look at what there is, now that the connection was cut: a part of the stream from its
// beginning, and an end.
func (t *Trial) collapse(p *peer, s stream, sent int64) error {
	t.step("reading what the %s had refused", p.name)
	n, _, err := p.drain(s, 0, promptly)
	if err != nil {
		return err
	}
	if n > sent {
		return wrong(fmt.Sprintf("the %s to receive no more than the %s that were sent", p.name, size(sent)), "%s", size(n))
	}
	return nil
}

func cut(t *Trial, serverRefuses bool) error {
	f, d, err := t.hungForwarder(serverRefuses)
	if err != nil {
		return err
	}
	sender, refuser, err := t.hungPair(f, d, serverRefuses)
	if err != nil {
		return err
	}
	s := t.stream(0)
	sent, stop, err := t.untilStuck(sender, refuser, s)
	if err != nil {
		return err
	}
	if err := t.awaitCut(sender, stop); err != nil {
		return err
	}
	return t.collapse(refuser, s, sent)
}

func cutBoth(t *Trial) error {
	f, d, err := t.forwardToListenerWith(smallBuffer)
	if err != nil {
		return err
	}
	client, server, err := t.pairWith(f, d, dialing{receiveBuffer: smallBuffer})
	if err != nil {
		return err
	}
	up, down := t.stream(0), t.stream(1)
	var sentUp, sentDown int64
	var stopUp, stopDown standstill
	if err := t.together(
		func() (err error) { sentUp, stopUp, err = t.untilStuck(client, server, up); return err },
		func() (err error) { sentDown, stopDown, err = t.untilStuck(server, client, down); return err },
	); err != nil {
		return err
	}
	// One direction that hangs is enough to end the pair, so the first counts for "too early", and the last for "too late".
	stop := standstill{stopUp.first, stopUp.last}
	if stopDown.first.Before(stop.first) {
		stop.first = stopDown.first
	}
	if stopDown.last.After(stop.last) {
		stop.last = stopDown.last
	}
	// A reset shows without reading. An end of stream cannot, while what was sent before it is not taken; so the sides begin to
	// read when the time is up, and then it must be there.
	t.step("waiting for both sides to be ended")
	for _, p := range []*peer{client, server} {
		if end, at, ok := p.awaitState(stop.last.Add(t.rule() + late)); ok {
			if err := t.inTime(p, end, stop, at); err != nil {
				return err
			}
		}
	}
	if err := t.collapse(client, down, sentDown); err != nil {
		return err
	}
	return t.collapse(server, up, sentUp)
}

func cutOneWay(t *Trial, serverRefuses bool) error {
	f, d, err := t.hungForwarder(serverRefuses)
	if err != nil {
		return err
	}
	sender, refuser, err := t.hungPair(f, d, serverRefuses)
	if err != nil {
		return err
	}
	s, trickle := t.stream(0), t.stream(1)
	done := make(chan struct{})
	return t.together(
		func() error { // the refuser's bytes, which keep one direction alive
			for off := int64(0); ; off++ {
				select {
				case <-done:
					return nil
				case <-t.gone():
					return nil
				case <-time.After(100 * time.Millisecond):
				}
				var b [1]byte
				trickle.fill(b[:], off)
				if _, err := refuser.Write(b[:]); err != nil {
					return nil // cut, as it should be; the other functions judge when
				}
			}
		},
		func() error { // the sender takes those bytes
			_, _, err := sender.drain(trickle, 0, time.Until(t.deadline))
			return err
		},
		func() error {
			defer close(done)
			sent, stop, err := t.untilStuck(sender, refuser, s)
			if err != nil {
				return err
			}
			if err := t.awaitCut(sender, stop); err != nil {
				return err
			}
			return t.collapse(refuser, s, sent)
		},
	)
}

func cutAfterFIN(t *Trial) error {
	f, d, err := t.forwardToListenerWith(smallBuffer)
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	s := t.stream(0)
	sent, stop, err := t.untilStuck(client, server, s)
	if err != nil {
		return err
	}
	if err := client.finish(); err != nil {
		return err
	}
	stop.last = time.Now() // the end of the stream may count as something that moved
	if err := t.awaitCut(client, stop); err != nil {
		return err
	}
	return t.collapse(server, s, sent)
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
	f.signalAll(stopSignal)
	if err := client.send(s, 1, 1); err != nil {
		return err
	}
	if err := t.pause(t.rule() * 11 / 10); err != nil {
		return err
	}
	f.signalAll(continueSignal)
	server.soon(promptly)
	return server.expect(s, 1, 1)
}
