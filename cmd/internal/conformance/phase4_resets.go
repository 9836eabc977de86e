package conformance

import (
	"fmt"
	"time"
)

// resets is phase 4: ends that are not orderly, and destinations that are not there.
func resets() []Case {
	const p = 4
	const truncation = "RFC 9293, section 3.10.7.4: a reset is reported to the user as such; an end of stream means that all has arrived"
	return []Case{
		{
			Phase: p, Name: "reset-client", Title: "the client resets with bytes in flight",
			Sends:   "64 KiB in each direction, then a reset from the client, 20 times",
			Expects: fmt.Sprintf("the server's connection ended, one way or the other, within %v", promptly),
			Why:     "clients crash; whoever keeps the other half open runs out of descriptors",
			Limit:   20 * time.Second, run: func(t *Trial) error { return resetEnds(t, true) },
		},
		{
			Phase: p, Name: "reset-server", Title: "the server resets with bytes in flight",
			Sends:   "64 KiB in each direction, then a reset from the server, 20 times",
			Expects: fmt.Sprintf("the client's connection ended, one way or the other, within %v", promptly),
			Why:     "servers crash; a client that is not told waits for ever",
			Limit:   20 * time.Second, run: func(t *Trial) error { return resetEnds(t, false) },
		},
		{
			Phase: p, Name: "reset-client-seen", Title: "the client's reset arrives as a reset",
			Sends:   "1 KiB from the client, which the server reads; then a reset",
			Expects: "a reset at the server, not an end of stream",
			Why:     "an upload that was cut off must not look complete", Source: truncation,
			Limit: 10 * time.Second, run: func(t *Trial) error { return resetSeen(t, true) },
		},
		{
			Phase: p, Name: "reset-server-seen", Title: "the server's reset arrives as a reset",
			Sends:   "1 KiB from the server, which the client reads; then a reset",
			Expects: "a reset at the client, not an end of stream",
			Why: "a download that was cut off must not look complete: where the end of the stream is the end of the document, " +
				"nobody else could tell",
			Source: truncation,
			Limit:  10 * time.Second, run: func(t *Trial) error { return resetSeen(t, false) },
		},
		{
			Phase: p, Name: "reset-after-answer", Title: "an answer, then a reset at once",
			Sends:   "64 KiB from the server and, as soon as the forwarder's side has acknowledged all of it, a reset; 20 times",
			Expects: "the client gets all 64 KiB before its connection ends",
			Why:     "servers that close without having read everything send just this; the answer (\"413 too large\") came before the reset",
			Limit:   20 * time.Second, run: resetAfterAnswer,
		},
		{
			Phase: p, Name: "early-answer", Title: "the server answers and closes while the client still sends",
			Sends: "a question that does not end; the server reads some of it, sends 64 KiB and closes, " +
				"whereupon its system refuses the rest with a reset",
			Expects: "the client, which has not read before, gets all 64 KiB",
			Why:     "a forwarder that ends the session when it can no longer write to the server throws the server's answer away",
			Source:  "RFC 9112, section 9.6, on lingering close, describes how the answer gets lost",
			Limit:   20 * time.Second, run: earlyAnswer,
		},
		{
			Phase: p, Name: "down-up", Title: "the destination is down, and up again",
			Sends:   "a client while nobody listens at the destination; when somebody does, another one; and so three times",
			Expects: fmt.Sprintf("the first ended within %v, the second served", promptly),
			Why:     "destinations are restarted; nobody wants to restart the forwarder after them",
			Limit:   20 * time.Second, run: downUp,
		},
		{
			Phase: p, Name: "down-others", Title: "a live connection does not notice that others are refused",
			Sends:   "round trips on one connection, while the destination refuses 50 others",
			Expects: "every answer, and the 50 ended",
			Why:     "the failure of one connection is its own",
			Limit:   20 * time.Second, run: downOthers,
		},
		{
			Phase: p, Name: "black-hole", Title: "a destination that does not answer",
			Sends:   "a client, for a destination that drops the connection request",
			Expects: fmt.Sprintf("the client ended no later than %v after the timeout", late+500*time.Millisecond),
			Why:     "the system's own limit for connecting is two minutes; the client hangs for as long",
			Source:  "the same rule of the timeout", Limit: 15 * time.Second, Timeouts: 1, Load: Waiting, Needs: NeedRule, run: blackHole,
		},
		{
			Phase: p, Name: "unresolvable", Title: "a destination whose name does not exist",
			Sends:   "a client, for a destination called " + noSuchName,
			Expects: "the client ended within the timeout; or a forwarder that says so at its start and exits with an error",
			Why:     "a wrong name should be found out at once, or cost one connection; not the forwarder's life later on",
			Source:  "RFC 6761, section 6.4: names in .invalid never exist",
			Limit:   15 * time.Second, Timeouts: 1, Load: Waiting, run: unresolvable,
		},
		{
			Phase: p, Name: "accept-close", Title: "the destination accepts and closes at once, 100 times",
			Sends:   "100 clients, for a server that closes every connection at once",
			Expects: fmt.Sprintf("every client's connection ended within %v", promptly),
			Why:     "a server at its limit behaves like this; the session ends before it has properly begun",
			Limit:   20 * time.Second, run: func(t *Trial) error { return acceptAnd(t, func(server *peer) { server.Close() }) },
		},
		{
			Phase: p, Name: "accept-reset", Title: "the destination accepts and resets at once, 100 times",
			Sends:   "100 clients, for a server that resets every connection at once",
			Expects: fmt.Sprintf("every client's connection ended within %v", promptly),
			Why:     "as above, with an error in every system call that follows",
			Limit:   20 * time.Second, run: func(t *Trial) error { return acceptAnd(t, (*peer).reset) },
		},
	}
}

const noSuchName = "no-such-host.invalid"

func resetEnds(t *Trial, clientResets bool) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	const n = 64 << 10
	for i := range 20 {
		client, server, err := t.pair(f, d)
		if err != nil {
			return err
		}
		resetter, other := server, client
		if clientResets {
			resetter, other = client, server
		}
		up, down := t.stream(2*i), t.stream(2*i+1)
		if err := t.together(
			func() error { return resetter.send(up, 0, n) },
			func() error { return other.send(down, 0, n) },
		); err != nil {
			return err
		}
		resetter.reset()
		if _, _, err := other.drain(up, 0, promptly); err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
		other.Close()
	}
	return nil
}

func resetSeen(t *Trial, clientResets bool) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	resetter, other := server, client
	if clientResets {
		resetter, other = client, server
	}
	s := t.stream(0)
	if err := resetter.send(s, 0, 1<<10); err != nil {
		return err
	}
	if err := other.expect(s, 0, 1<<10); err != nil {
		return err
	}
	resetter.reset()
	return other.expectReset()
}

func resetAfterAnswer(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	const n = 64 << 10
	for i := range 20 {
		client, server, err := t.pair(f, d)
		if err != nil {
			return err
		}
		s := t.stream(i)
		if err := t.together(
			func() error {
				if err := server.send(s, 0, n); err != nil {
					return err
				}
				if err := server.awaitAcknowledged(); err != nil {
					return err
				}
				server.reset()
				return nil
			},
			func() error {
				if err := client.expect(s, 0, n); err != nil {
					return err
				}
				_, err := client.end(promptly)
				return err
			},
		); err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
		client.Close()
	}
	return nil
}

func earlyAnswer(t *Trial) error {
	f, d, err := t.forwardToListenerWith(16 << 10)
	if err != nil {
		return err
	}
	client, server, err := t.pairWith(f, d, dialing{receiveBuffer: smallBuffer})
	if err != nil {
		return err
	}
	question, answer := t.stream(0), t.stream(1)
	const asked, answered = 32 << 10, 64 << 10
	t.step("asking without end")
	sent, _, err := client.fillUp(question, 0, 32<<20)
	if err != nil {
		return err
	}
	if err := server.expect(question, 0, asked); err != nil {
		return err
	}
	if err := server.send(answer, 0, answered); err != nil {
		return err
	}
	if err := server.awaitAcknowledged(); err != nil {
		return err
	}
	t.note("%s of the question were on their way", size(sent-asked))
	// There are bytes that the server has not read: its system answers the close, and whatever still comes, with a reset.
	server.Close()
	t.step("reading the answer")
	if err := t.pause(200 * time.Millisecond); err != nil {
		return err
	}
	client.soon(promptly)
	if err := client.expect(answer, 0, answered); err != nil {
		return err
	}
	_, err = client.end(promptly)
	return err
}

func downUp(t *Trial) error {
	port, err := t.closedPort()
	if err != nil {
		return err
	}
	f, err := t.forward(loopback, port)
	if err != nil {
		return err
	}
	for i := range 3 {
		t.step("the destination is down")
		if _, err := t.turnedAway(f, promptly); err != nil {
			return err
		}
		t.step("the destination is up")
		d, err := t.listenOn(loopback, port, 0)
		if err != nil {
			return err
		}
		d.echo()
		if err := t.echoOnce(f, t.stream(i), 10<<10); err != nil {
			return err
		}
		d.Close()
		t.step("")
	}
	return nil
}

func downOthers(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	d.Close()
	s := t.stream(0)
	for i := range int64(50) {
		if _, err := t.turnedAway(f, promptly); err != nil {
			return err
		}
		if err := client.send(s, i, 1); err != nil {
			return err
		}
		if err := server.expect(s, i, 1); err != nil {
			return err
		}
	}
	return nil
}

func blackHole(t *Trial) error {
	port, err := t.blackHole()
	if err != nil {
		return err
	}
	f, err := t.forward(loopback, port)
	if err != nil {
		return err
	}
	begin := time.Now()
	end, err := t.turnedAway(f, t.rule()+late+500*time.Millisecond)
	if err == nil {
		t.note("client: %s after %s", end, seconds(time.Since(begin)))
	}
	return err
}

func unresolvable(t *Trial) error {
	listen, err := t.portPool.free()
	if err != nil {
		return err
	}
	f, err := t.launch(noSuchName, 9, listen)
	if err != nil {
		return err
	}
	if err := f.awaitListening(t.ctx); err != nil {
		if !f.running() && f.cmd.ProcessState.ExitCode() > 0 && f.output.String() != "" {
			t.note("refuses to start")
			return nil
		}
		return err
	}
	if _, err := t.turnedAway(f, t.rule()+late+500*time.Millisecond); err != nil {
		return err
	}
	if !f.running() {
		return wrong("a forwarder that survives", "%s", f.fate())
	}
	return nil
}

func acceptAnd(t *Trial, end func(*peer)) error {
	d, err := t.listen(0)
	if err != nil {
		return err
	}
	d.serve(end)
	f, err := t.forwardTo(d)
	if err != nil {
		return err
	}
	err = t.times(100, 10, func(int) error {
		_, err := t.turnedAway(f, promptly)
		return err
	})
	if err == nil && !f.running() {
		err = wrong("a forwarder that survives", "%s", f.fate())
	}
	return err
}
