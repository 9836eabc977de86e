package conformance

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// pump sends s from position off until the last kill, ends the stream, and says how long it became.
func (k *killing) pump(p *peer, s stream, off int64) (total int64, err error) {
	for k.more() {
		if err := p.send(s, off, chunk); err != nil {
			return off, fmt.Errorf("in byte %d and after: %w", off, err)
		}
		off += chunk
	}
	return off, p.finish()
}

// transfer is one direction of a connection for as long as there are kills: functions for its two ends. reading is called by the receiver
// before it reads at will, and returns how much it has read; nil is nothing.
func (k *killing) transfer(from, to *peer, s stream, reading func() (int64, error)) (send, receive func() error) {
	sent := make(chan int64, 1)
	send = func() error {
		total, err := k.pump(from, s, 0)
		if err == nil {
			sent <- total
		}
		return err
	}
	receive = func() error {
		off := int64(0)
		if reading != nil {
			var err error
			if off, err = reading(); err != nil {
				return err
			}
		}
		n, end, err := to.drain(s, off, time.Until(k.t.deadline))
		if err != nil {
			return err
		}
		if end != endFIN {
			return wrong(fmt.Sprintf("the %s to receive all and the %s", to.name, endFIN), "%s after %d bytes", end, off+n)
		}
		select {
		case total := <-sent:
			if off+n != total {
				return wrong(fmt.Sprintf("the %s to receive %d bytes and the %s", to.name, total, endFIN), "%s after %d bytes", end, off+n)
			}
			return nil
		case <-k.t.gone():
			return nil // the sender has said why
		case <-time.After(promptly):
			return wrong(fmt.Sprintf("the %s to receive the %s when the %s has sent it", to.name, endFIN, from.name),
				"it after %d bytes, while more are sent", off+n)
		}
	}
	return send, receive
}

// established is pairWith with a byte there and back. Before that the forwarder may be busy connecting to the destination; one that is
// killed then may well connect again, and a server that speaks first would have spoken to nobody.
func (t *Trial) established(f *forwarder, d *destination, with dialing) (client, server *peer, err error) {
	if client, server, err = t.pairWith(f, d, with); err != nil {
		return nil, nil, err
	}
	hello := t.stream(-1)
	for _, way := range [][2]*peer{{client, server}, {server, client}} {
		if err := way[0].send(hello, 0, 1); err != nil {
			return nil, nil, err
		}
		if err := way[1].expect(hello, 0, 1); err != nil {
			return nil, nil, err
		}
	}
	return client, server, nil
}

func killedTransfers(t *Trial, up bool) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	k := t.killing(f)
	var fns []func() error
	for i := range 4 {
		client, server, err := t.established(f, d, dialing{})
		if err != nil {
			return err
		}
		from, to := client, server
		if !up {
			from, to = server, client
		}
		send, receive := k.transfer(from, to, t.stream(i), nil)
		fns = append(fns, send, receive)
	}
	return k.amid(fns...)
}

func killedPingPong(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	k := t.killing(f)
	var fns []func() error
	for i := range 8 {
		client, err := t.dial(f)
		if err != nil {
			return err
		}
		s, off := t.stream(i), int64(0)
		rng := rand.New(rand.NewPCG(uint64(s), 0))
		fns = append(fns, func() error {
			for k.more() {
				n := 1 + rng.Int64N(2000)
				if err := client.roundTrip(s, off, n); err != nil {
					return err
				}
				off += n
			}
			if err := client.finish(); err != nil {
				return err
			}
			return client.expectFIN()
		})
	}
	return k.amid(fns...)
}

// killedStalled kills when nothing moves any more, and reads when that is over.
func killedStalled(t *Trial) error {
	f, d, err := t.forwardToListenerWith(smallBuffer)
	if err != nil {
		return err
	}
	// Once with as much as goes, and once in small pieces, which forwarders keep in another place than bulk.
	// In a part of the timeout, since in all of it a side that does not read is cut, and rightly.
	soon := time.Now().Add(t.rule() / 4)
	var fills, reads []func() error
	for i, with := range []filling{
		{limit: fillLimit, piece: chunk, until: soon}, {limit: fillLimit, piece: 4000, pause: 100 * time.Microsecond, until: soon},
	} {
		client, server, err := t.established(f, d, dialing{receiveBuffer: smallBuffer})
		if err != nil {
			return err
		}
		for j, way := range [][2]*peer{{client, server}, {server, client}} {
			from, to, s, sent := way[0], way[1], t.stream(2*i+j), int64(0)
			fills = append(fills, func() (err error) {
				sent, _, err = from.fillUpWith(s, 0, with)
				return err
			})
			reads = append(reads, func() error {
				_ = to.SetReadBuffer(256 << 10) // or the rest would take long
				if err := from.finish(); err != nil {
					return err
				}
				return to.expectAll(s, sent)
			})
		}
	}
	t.step("sending until nobody takes any more")
	if err := t.together(fills...); err != nil {
		return err
	}
	t.step("")
	k := t.killing(f)
	k.calm, k.until = true, time.Now().Add(t.rule()/4)
	if err := k.amid(); err != nil {
		return err
	}
	return t.together(reads...)
}

func killedSlowReaders(t *Trial) error {
	f, d, err := t.forwardToListenerWith(smallBuffer)
	if err != nil {
		return err
	}
	k := t.killing(f)
	var fns []func() error
	for i := range 4 {
		client, server, err := t.established(f, d, dialing{receiveBuffer: smallBuffer})
		if err != nil {
			return err
		}
		from, to := client, server
		if i%2 == 1 {
			from, to = server, client
		}
		s := t.stream(i)
		send, receive := k.transfer(from, to, s, func() (off int64, err error) {
			for ; k.more(); off += smallBuffer {
				if err := to.expect(s, off, smallBuffer); err != nil {
					return off, err
				}
				if err := t.pause(2 * time.Millisecond); err != nil {
					return off, err
				}
			}
			_ = to.SetReadBuffer(256 << 10)
			return off, nil
		})
		fns = append(fns, send, receive)
	}
	return k.amid(fns...)
}

func killedStorm(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	k := t.killing(f)
	var fns []func() error
	var mu sync.Mutex
	served := 0
	for i := range 32 {
		fns = append(fns, func() error {
			for n := 0; k.more(); n++ {
				s := t.stream(i<<20 + n)
				if err := t.echoOnce(f, s, int64(uint64(s)%2000)); err != nil {
					return err
				}
				mu.Lock()
				served++
				mu.Unlock()
			}
			return nil
		})
	}
	if err := k.amid(fns...); err != nil {
		return err
	}
	t.note("%d clients served", served)
	return nil
}

func killedMany(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	total := t.opts.Many
	clients := make([]*peer, total)
	t.step("opening %d connections", total)
	begun := time.Now()
	if err := t.times(total, 50, func(i int) (err error) { clients[i], err = t.echoed(f, i); return err }); err != nil {
		return err
	}
	before, err := t.settled(f)
	if err != nil {
		return err
	}
	k := t.killing(f)
	k.until = begun.Add(t.rule() / 2) // no connection may be silent for longer than the forwarder allows
	t.step("killing the worker of %d connections", total)
	at := make([]int64, total)
	use := func(i int) error {
		at[i] += 8
		return clients[i].roundTrip(t.stream(i), at[i], 8)
	}
	const atOnce = 32
	var fns []func() error
	for first := range min(atOnce, total) {
		fns = append(fns, func() error {
			for i := first; k.more(); {
				if err := use(i); err != nil {
					return err
				}
				if i += atOnce; i >= total {
					i = first
				}
			}
			return nil
		})
	}
	if err := k.amid(fns...); err != nil {
		return err
	}
	t.step("using %d connections after the last kill", total)
	begin := time.Now()
	if err := t.times(total, 50, use); err != nil {
		return err
	}
	t.note("%d ms for a round trip on each of %d connections after the last kill", time.Since(begin).Milliseconds(), total)
	t.step("")
	if err := t.expectDescriptors(f, before, spareDescriptors); err != nil {
		return err
	}
	return t.expectProcesses(f, before)
}

// expectProcesses waits until the forwarder has as many processes as before: none is missing, and none is left over.
func (t *Trial) expectProcesses(f *forwarder, before usage) error {
	for limit := time.Now().Add(promptly); ; {
		now := f.usage().processes
		if now == before.processes {
			return nil
		}
		if time.Now().After(limit) {
			return wrong(fmt.Sprintf("%d processes as before the kills, within %v", before.processes, promptly), "%d", now)
		}
		if err := t.pause(10 * time.Millisecond); err != nil {
			return err
		}
	}
}
