package conformance

import (
	"fmt"
	"time"
)

// hanging is the part of phase 3 about sides that take no byte of those that wait for them: after the timeout the pair is ended, but
// only if it really stands still.
func hanging() []Case {
	const p = 3
	return []Case{
		{
			Phase: p, Name: "slow-server", Title: "a steady slow server is not cut",
			Sends:   "12 MiB to a server that reads 8 KiB a second for 1.6 timeouts, and then the rest at once",
			Expects: "every byte, then the end",
			Why: "slow is not hung: with large buffers in the kernel the forwarder may see nothing move for a long time although " +
				"the peer reads steadily",
			Limit: 20 * time.Second, Timeouts: 1.6, Load: Waiting, run: func(t *Trial) error { return slowReader(t, true) },
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
			Sends:   "bytes from the client until nobody takes any more; the server reads nothing, " + soonFull,
			Expects: endedInTime, Why: "the rule itself", Source: timeoutRule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return cut(t, true) },
		},
		{
			Phase: p, Name: "cut-client", Title: "the client refuses to read: cut at the timeout",
			Sends:   "bytes from the server until nobody takes any more; the client reads nothing, " + soonFull,
			Expects: endedInTime, Why: "the rule itself, in the other direction", Source: timeoutRule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return cut(t, false) },
		},
		{
			Phase: p, Name: "cut-both", Title: "both refuse to read: cut at the timeout",
			Sends:   "bytes from both sides until nobody takes any more; nobody reads",
			Expects: endedInTime, Why: "no end of stream can be seen on either side; only the clock ends this", Source: timeoutRule,
			Limit: 20 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: cutBoth,
		},
		{
			Phase: p, Name: "cut-one-way-up", Title: "the server refuses to read but goes on sending: cut at the timeout",
			Sends:   "bytes from the client until nobody takes any more; meanwhile the server sends a byte every 100 ms, which the client reads",
			Expects: endedInTime,
			Why:     "a clock that any byte sets back never sees that one direction hangs", Source: timeoutRule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return cutOneWay(t, true) },
		},
		{
			Phase: p, Name: "cut-one-way-down", Title: "the client refuses to read but goes on sending: cut at the timeout",
			Sends:   "bytes from the server until nobody takes any more; meanwhile the client sends a byte every 100 ms, which the server reads",
			Expects: endedInTime, Why: "as above, in the other direction", Source: timeoutRule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return cutOneWay(t, false) },
		},
		{
			Phase: p, Name: "cut-after-fin", Title: "the client has ended its stream, the server never reads it: cut at the timeout",
			Sends:   "what the buffers hold and the end of the stream from the client; the server reads nothing",
			Expects: endedInTime, Why: "a session whose one direction has ended must not drop out of the watch", Source: timeoutRule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: cutAfterFIN,
		},
		{
			Phase: p, Name: "cut-small-up", Title: "the server reads nothing of what the forwarder has taken whole: cut at the timeout",
			Sends:   "as much from the client as the kernel takes at once, then a byte every 200 ms; the server reads nothing, " + soonFull,
			Expects: endedInTime,
			Why: "nothing is stuck in the forwarder: it could write every byte. But the server takes none of them, and a clock that " +
				"each byte from the client sets back never sees that",
			Source: timeoutRule,
			Limit:  15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return cutSmall(t, true) },
		},
		{
			Phase: p, Name: "cut-small-down", Title: "the client reads nothing of what the forwarder has taken whole: cut at the timeout",
			Sends:   "as much from the server as the kernel takes at once, then a byte every 200 ms; the client reads nothing, " + soonFull,
			Expects: endedInTime, Why: "as above, in the other direction", Source: timeoutRule,
			Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: func(t *Trial) error { return cutSmall(t, false) },
		},
	}
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

// cutSmall sends more than the refuser's receive buffer holds, and less than fills the forwarder's send buffer, and goes on with single
// bytes, so that the sender is never silent.
func cutSmall(t *Trial, serverRefuses bool) error {
	const n = 256 << 10
	f, d, err := t.hungForwarder(serverRefuses)
	if err != nil {
		return err
	}
	sender, refuser, err := t.hungPair(f, d, serverRefuses)
	if err != nil {
		return err
	}
	s := t.stream(0)
	if err := sender.send(s, 0, n); err != nil {
		return err
	}
	stop := standstill{last: time.Now()}
	if stop.first, err = refuser.lastReceived(); err != nil {
		return err
	}
	if stop.first.After(stop.last) {
		stop.first, stop.last = stop.last, stop.first
	}
	sent := int64(n)
	done := make(chan struct{})
	if err := t.together(
		func() error { // the bytes that keep coming
			for {
				select {
				case <-done:
					return nil
				case <-t.gone():
					return nil
				case <-time.After(200 * time.Millisecond):
				}
				var b [1]byte
				s.fill(b[:], sent)
				if _, err := sender.Write(b[:]); err != nil {
					return nil // cut, as it should be; the other function judges when
				}
				sent++
			}
		},
		func() error {
			defer close(done)
			return t.awaitCut(sender, stop)
		},
	); err != nil {
		return err
	}
	return t.collapse(refuser, s, sent)
}
