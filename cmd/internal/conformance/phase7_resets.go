package conformance

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

func killedResets(t *Trial) error {
	f, d, err := t.forwardToListenerWith(smallBuffer)
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
			// The moment in which only the worker knows of a reset is short, unless there are bytes before it that nobody takes.
			reset := func() error { return t.resetMidway(f, d, i) }
			if i%6 >= 4 {
				reset = func() error { return t.resetBehind(f, d, k, i) }
			}
			if err := reset(); err != nil {
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
	_ = client.SetReadBuffer(256 << 10)
	_ = server.SetReadBuffer(256 << 10)
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
	if end == endReset || errors.As(failure, &m) && strings.HasPrefix(m.came, string(endReset)) {
		return nil
	}
	return wrong(fmt.Sprintf("the %s to see %s", other.name, endReset), "%s", end)
}

// resetBehind is resetMidway with a side that reads next to nothing until the worker has been killed: the forwarder has been told of the reset
// by then, and has yet to deliver what came before it.
func (t *Trial) resetBehind(f *forwarder, d *destination, k *killing, number int) error {
	const n = 1 << 20
	up, down := t.stream(2*number), t.stream(2*number+1)
	client, server, err := t.pairAmid(f, d, up)
	if err != nil {
		return err
	}
	resetter, other, out, off := server, client, down, int64(0)
	if number%2 == 1 {
		resetter, other, out, off = client, server, up, 1
	}
	if err := resetter.send(out, off, n); err != nil {
		return err
	}
	if err := resetter.awaitAcknowledged(); err != nil {
		return err
	}
	resetter.reset()
	// Not nothing: the killer waits for bytes to move.
	for kills := k.done.Load(); k.more() && k.done.Load() == kills; off++ {
		if err := other.expect(out, off, 1); err != nil {
			return err
		}
		if err := t.pause(time.Millisecond); err != nil {
			return err
		}
	}
	_ = other.SetReadBuffer(256 << 10)
	_, end, err := other.drain(out, off, promptly)
	other.Close()
	if err == nil && end != endReset {
		err = wrong(fmt.Sprintf("the %s to see %s", other.name, endReset), "%s", end)
	}
	return err
}

// pairAmid is pair for a forwarder whose worker is being killed, which may leave behind a connection to the destination that was just being
// made, and is reset: nothing was sent over it, and another is made instead. So the client sends the first byte of s, and the server is the
// one that receives it. Both have small buffers.
func (t *Trial) pairAmid(f *forwarder, d *destination, s stream) (client, server *peer, err error) {
	if client, err = t.dialWith(f, dialing{receiveBuffer: smallBuffer}); err != nil {
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
