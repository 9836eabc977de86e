package conformance

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// killedHalfClosed has two connections that are half-closed all the while, and two lanes of connections that become so.
func killedHalfClosed(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	k := t.killing(f)
	var fns []func() error
	for i := range 2 {
		client, server, err := t.pair(f, d)
		if err != nil {
			return err
		}
		ended, other := client, server
		if i == 1 {
			ended, other = server, client
		}
		question := t.stream(2 * i)
		if err := ended.sendAll(question, 1000); err != nil {
			return err
		}
		if err := other.expectAll(question, 1000); err != nil {
			return err
		}
		send, receive := k.transfer(other, ended, t.stream(2*i+1), nil)
		fns = append(fns, send, receive)
	}
	const asked, answered = 4 << 10, 16 << 10
	question, answer := t.stream(-1), t.stream(-2)
	d.serve(func(server *peer) {
		// An answer to a question that is wrong, or that ends too early, would hide it.
		if server.expect(question, 0, asked) != nil {
			return
		}
		if end, err := server.end(time.Until(t.deadline)); err == nil && end == endFIN {
			_ = server.sendAll(answer, answered)
		}
	})
	for range 2 {
		fns = append(fns, func() error {
			for k.more() {
				client, err := t.dial(f)
				if err != nil {
					return err
				}
				if err := client.sendAll(question, asked); err != nil {
					return err
				}
				if err := client.expectAll(answer, answered); err != nil {
					return err
				}
				client.Close()
			}
			return nil
		})
	}
	return k.amid(fns...)
}

func killedResets(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	// A connection before the reading, so that what is set up once does not count.
	if err := t.resetMidway(f, d, 0); err != nil {
		return err
	}
	before, err := t.settled(f)
	if err != nil {
		return err
	}
	k := t.killing(f)
	resets := 0
	if err := k.amid(func() error {
		for i := 1; k.more(); i++ {
			if err := t.resetMidway(f, d, i); err != nil {
				return fmt.Errorf("connection %d: %w", i+1, err)
			}
			resets++
		}
		return nil
	}); err != nil {
		return err
	}
	t.note("%d resets", resets)
	return t.expectDescriptors(f, before, spareDescriptors)
}

// resetMidway makes a connection over which much goes in either direction, resets one side in the midst of it, and expects the other to be
// told. An odd number has the client reset, an even one the server.
func (t *Trial) resetMidway(f *forwarder, d *destination, number int) error {
	const n = 128 << 10
	up, down := t.stream(2*number), t.stream(2*number+1)
	client, server, err := t.pairAmid(f, d, up)
	if err != nil {
		return err
	}
	// Of the client's stream the first byte has gone already.
	resetter, other, out, in, begun, begunIn := server, client, down, up, int64(0), int64(1)
	if number%2 == 1 {
		resetter, other, out, in, begun, begunIn = client, server, up, down, 1, 0
	}
	var failure error
	var sending sync.WaitGroup
	sending.Go(func() { failure = other.send(in, begunIn, n) })
	err = t.together(
		func() error { return resetter.send(out, begun, n) },
		func() error { return resetter.expect(in, begunIn, n/2) },
		func() error { return other.expect(out, begun, n/2) },
	)
	if err != nil {
		sending.Wait() // the sockets are closed by now
		return err
	}
	resetter.reset()
	// A reset is told once: to whoever sends, or to whoever reads.
	_, end, err := other.drain(out, begun+n/2, promptly)
	sending.Wait()
	other.Close()
	if err != nil {
		return err
	}
	var m *mismatch
	if end == endReset || errors.As(failure, &m) {
		return nil
	}
	return wrong(fmt.Sprintf("the %s to see %s", other.name, endReset), "%s", end)
}

// pairAmid is pair for a forwarder whose worker is being killed, which may leave behind a connection to the destination that was just being
// made, and is reset: nothing was sent over it, and another is made instead. So the client sends the first byte of s, and the server is the
// one that receives it.
func (t *Trial) pairAmid(f *forwarder, d *destination, s stream) (client, server *peer, err error) {
	if client, err = t.dial(f); err != nil {
		return nil, nil, err
	}
	if err := client.send(s, 0, 1); err != nil {
		return nil, nil, err
	}
	for {
		if server, err = d.accept(); err != nil {
			return nil, nil, err
		}
		var b [1]byte
		n, err := server.Read(b[:])
		if n == 1 {
			if i := s.check(b[:], make([]byte, 1), 0); i >= 0 {
				return nil, nil, wrong("the server to receive the client's first byte", "%s", s.diagnose(b[:], 0))
			}
			return client, server, nil
		}
		if end, ok := endingOf(err); !ok || end != endReset {
			return nil, nil, wrong("the server to receive the client's first byte", "%s", describe(err))
		}
		server.Close()
	}
}

func killedDrain(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	k := t.killing(f)
	var fns []func() error
	for i := range 4 {
		client, err := t.echoed(f, i)
		if err != nil {
			return err
		}
		s := t.stream(i)
		fns = append(fns, func() error {
			off := int64(8)
			for ; k.more(); off += 1000 {
				if err := client.roundTrip(s, off, 1000); err != nil {
					return err
				}
			}
			// One that the drain has ended must not look like one that has ended by itself.
			if err := client.roundTrip(s, off, 1000); err != nil {
				return err
			}
			if err := client.finish(); err != nil {
				return err
			}
			return client.expectFIN()
		})
	}
	f.signal(t.opts.DrainSignal)
	fns = append(fns, func() error { return t.awaitDeaf(f, k) })
	if err := k.amid(fns...); err != nil {
		return err
	}
	t.step("waiting for the forwarder to end after its last connection")
	expected := fmt.Sprintf("a process that ends with exit code 0 within %v after its last connection", promptly)
	code, err := f.awaitExit(t.ctx, promptly)
	if err != nil {
		return wrong(expected, "%v", err)
	}
	if code != 0 {
		return wrong(expected, "%s", f.fate())
	}
	t.step("")
	return nil
}

// awaitDeaf waits until nobody listens, and then sees that it stays so until the last kill.
func (t *Trial) awaitDeaf(f *forwarder, k *killing) error {
	for limit := time.Now().Add(promptly); listening(f.listen); {
		if time.Now().After(limit) {
			return wrong(fmt.Sprintf("nobody to listen any more within %v", promptly), "a forwarder that still listens")
		}
		if err := t.pause(time.Millisecond); err != nil {
			return err
		}
	}
	for k.more() {
		if listening(f.listen) {
			return wrong("nobody to listen any more after the signal", "a forwarder that listens again after %d kills", k.done.Load())
		}
		if err := t.pause(time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
