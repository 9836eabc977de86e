package conformance

import (
	"fmt"
	"time"
)

// ends is phase 2: the end of a stream passes the forwarder like a byte, after all bytes and in its own direction only.
func ends() []Case {
	const p = 2
	const rfcHalfClose = "RFC 9293, section 3.6: closing is an operation on one direction"
	return []Case{
		{
			Phase: p, Name: "half-close-client", Title: "the client ends first, the answer comes afterwards",
			Sends:   "256 KiB and the end from the client; then 1 MiB and the end from the server",
			Expects: "the server sees the end while the other direction still works; the client gets the whole answer, then its end",
			Why:     "`nc`, rsync over raw TCP, databases loading from a pipe: the end of the question is what starts the answer",
			Source:  rfcHalfClose, Limit: 15 * time.Second, run: func(t *Trial) error { return halfClose(t, false, 0) },
		},
		{
			Phase: p, Name: "half-close-server", Title: "the server ends first, the client goes on",
			Sends:   "256 KiB and the end from the server; then 1 MiB and the end from the client",
			Expects: "the client sees the end while it can still send; the server gets all of it, then the end",
			Why:     "the other direction is not the same code in most forwarders",
			Source:  rfcHalfClose, Limit: 15 * time.Second, run: func(t *Trial) error { return halfClose(t, true, 0) },
		},
		{
			Phase: p, Name: "half-close-late", Title: "the client ends, the answer takes 2 s to begin",
			Sends:   "1 KiB and the end from the client; 2 s later 1 MiB from the server",
			Expects: "the whole answer",
			Why:     "some forwarders give the open half of a connection only a moment once the other half has ended; a slow query is lost",
			Source:  rfcHalfClose, Limit: 15 * time.Second, Load: Waiting,
			run: func(t *Trial) error { return halfClose(t, false, 2*time.Second) },
		},
		{
			Phase: p, Name: "fin-before-data", Title: "the client's first act is to end its stream",
			Sends:   "the client's end of stream right after connecting; then 256 KiB from the server",
			Expects: "the server sees the end at once, the client gets everything",
			Why:     "reading from a service without asking anything, as with `nc host 13 </dev/null`",
			Limit:   15 * time.Second, run: finBeforeData,
		},
		{
			Phase: p, Name: "simultaneous-fin", Title: "both ends at the same time, 100 times",
			Sends:   "16 KiB and the end from both sides at the same time",
			Expects: "both streams whole, both ends seen",
			Why:     "two endings at once are where a session is closed twice, or before its last bytes have left",
			Limit:   20 * time.Second, run: simultaneousFIN,
		},
		{
			Phase: p, Name: "server-first", Title: "the server speaks first, the client says nothing",
			Sends:   "a greeting from the server, before the client has sent anything; then one round trip",
			Expects: "the greeting at once",
			Why:     "SMTP, SSH, MySQL: the forwarder must connect without waiting for the client to speak",
			Limit:   10 * time.Second, run: serverFirst,
		},
		{
			Phase: p, Name: "fin-blocked-up", Title: "last bytes and end to a server that is not reading yet",
			Sends:   "2 MiB and the end from the client, to a server with a small buffer that begins to read 2 s later",
			Expects: "every byte, then the end",
			Why:     "the end must wait for its turn: a forwarder that closes when it reads the end throws away what it still holds",
			Limit:   15 * time.Second, Load: Waiting, run: func(t *Trial) error { return finBlocked(t, true, 2<<20) },
		},
		{
			Phase: p, Name: "fin-blocked-down", Title: "last bytes and end to a client that is not reading yet",
			Sends:   "2 MiB and the end from the server, to a client with a small buffer that begins to read 2 s later",
			Expects: "every byte, then the end",
			Why:     "as above; this is a download over a slow line from a server that closes when it is done",
			Limit:   15 * time.Second, Load: Waiting, run: func(t *Trial) error { return finBlocked(t, false, 2<<20) },
		},
		{
			Phase: p, Name: "fin-blocked-small", Title: "the same with what fits into the buffers",
			Sends:   "32 KiB and the end each way, to sides with buffers of 4 KiB that begin to read 2 s later",
			Expects: "every byte, then the end, both ways",
			Why:     "all bytes and both ends are inside the forwarder or its sockets at the same time, and nobody is sending any more",
			Limit:   15 * time.Second, Load: Waiting, run: finBlockedSmall,
		},
		{
			Phase: p, Name: "close-after-answer", Title: "the server answers and closes, 200 times",
			Sends:   "a question of 100 bytes; an answer of 64 KiB, upon which the server closes the whole connection",
			Expects: "every answer whole, then the end",
			Why:     "the commonest way for a connection to end, in HTTP/1.0 and after",
			Limit:   20 * time.Second, run: closeAfterAnswer,
		},
		{
			Phase: p, Name: "end-releases", Title: "when both directions have ended, the descriptors are free",
			Sends:   "50 connections with a round trip, ended in both directions, while the peers keep their sockets open",
			Expects: fmt.Sprintf("the forwarder's descriptors back to where they were, within %v", promptly),
			Why:     "a forwarder that waits for something more collects sessions that nobody needs",
			Limit:   20 * time.Second, run: endReleases,
		},
	}
}

// halfClose lets one side end its stream and the other answer after a delay.
func halfClose(t *Trial, serverEnds bool, delay time.Duration) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	first, second := client, server
	if serverEnds {
		first, second = server, client
	}
	question, answer := t.stream(0), t.stream(1)
	const asked, answered = 256 << 10, 1 << 20
	if err := t.together(
		func() error { return first.sendAll(question, asked) },
		func() error { return second.expectAll(question, asked) },
	); err != nil {
		return err
	}
	if err := t.pause(delay); err != nil {
		return err
	}
	return t.together(
		func() error { return second.sendAll(answer, answered) },
		func() error { return first.expectAll(answer, answered) },
	)
}

func finBeforeData(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, err := t.dial(f)
	if err != nil {
		return err
	}
	if err := client.finish(); err != nil {
		return err
	}
	server, err := d.accept()
	if err != nil {
		return err
	}
	if err := server.expectFIN(); err != nil {
		return err
	}
	const n = 256 << 10
	return t.together(
		func() error { return server.sendAll(t.stream(0), n) },
		func() error { return client.expectAll(t.stream(0), n) },
	)
}

func simultaneousFIN(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	const n = 16 << 10
	for i := range 100 {
		client, server, err := t.pair(f, d)
		if err != nil {
			return err
		}
		up, down := t.stream(2*i), t.stream(2*i+1)
		if err := t.together(
			func() error { return client.sendAll(up, n) }, func() error { return server.sendAll(down, n) },
			func() error { return server.expectAll(up, n) }, func() error { return client.expectAll(down, n) },
		); err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
		client.Close()
		server.Close()
	}
	return nil
}

func serverFirst(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	greeting := t.stream(0)
	if err := server.send(greeting, 0, 100); err != nil {
		return err
	}
	client.soon(promptly)
	if err := client.expect(greeting, 0, 100); err != nil {
		return err
	}
	if err := client.send(t.stream(1), 0, 100); err != nil {
		return err
	}
	server.soon(promptly)
	return server.expect(t.stream(1), 0, 100)
}

// smallBuffer is the receive buffer of a peer that is meant to be full soon.
const smallBuffer = 4 << 10

func finBlocked(t *Trial, up bool, n int64) error {
	buffers := dialing{receiveBuffer: smallBuffer}
	f, d, err := t.forwardToListenerWith(smallBuffer)
	if err != nil {
		return err
	}
	client, server, err := t.pairWith(f, d, buffers)
	if err != nil {
		return err
	}
	sender, receiver := client, server
	if !up {
		sender, receiver = server, client
	}
	s := t.stream(0)
	return t.together(
		func() error { return sender.sendAll(s, n) },
		func() error {
			if err := t.pause(2 * time.Second); err != nil {
				return err
			}
			return receiver.expectAll(s, n)
		},
	)
}

func finBlockedSmall(t *Trial) error {
	f, d, err := t.forwardToListenerWith(smallBuffer)
	if err != nil {
		return err
	}
	client, server, err := t.pairWith(f, d, dialing{receiveBuffer: smallBuffer})
	if err != nil {
		return err
	}
	const n = 32 << 10
	up, down := t.stream(0), t.stream(1)
	if err := t.together(
		func() error { return client.sendAll(up, n) },
		func() error { return server.sendAll(down, n) },
	); err != nil {
		return err
	}
	if err := t.pause(2 * time.Second); err != nil {
		return err
	}
	return t.together(
		func() error { return server.expectAll(up, n) },
		func() error { return client.expectAll(down, n) },
	)
}

func closeAfterAnswer(t *Trial) error {
	const asked, answered = 100, 64 << 10
	d, err := t.listen(0)
	if err != nil {
		return err
	}
	question, answer := t.stream(0), t.stream(1)
	d.serve(func(server *peer) {
		if server.expect(question, 0, asked) == nil {
			_ = server.send(answer, 0, answered)
		}
	})
	f, err := t.forwardTo(d)
	if err != nil {
		return err
	}
	return t.times(200, 8, func(int) error {
		client, err := t.dial(f)
		if err != nil {
			return err
		}
		defer client.Close()
		if err := client.send(question, 0, asked); err != nil {
			return err
		}
		return client.expectAll(answer, answered)
	})
}

func endReleases(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	session := func(i int) error {
		client, server, err := t.pair(f, d)
		if err != nil {
			return err
		}
		up, down := t.stream(2*i), t.stream(2*i+1)
		if err := client.sendAll(up, 1000); err != nil {
			return err
		}
		if err := server.expectAll(up, 1000); err != nil {
			return err
		}
		if err := server.sendAll(down, 1000); err != nil {
			return err
		}
		return client.expectAll(down, 1000)
	}
	// The first sessions may open what all later ones share.
	for i := range 4 {
		if err := session(i); err != nil {
			return err
		}
	}
	before, err := t.settled(f)
	if err != nil {
		return err
	}
	for i := range 50 {
		if err := session(4 + i); err != nil {
			return err
		}
	}
	return t.expectDescriptors(f, before, spareDescriptors)
}
