package conformance

import (
	"fmt"
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
