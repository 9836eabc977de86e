package conformance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// integrity is phase 1: what goes in comes out, whole, in order, and at the right end.
func integrity() []Case {
	const p = 1
	return []Case{
		echoes("echo-1x200", 1, 200, 20*time.Second),
		echoes("echo-10x500", 10, 500, 30*time.Second),
		echoes("echo-100x1000", 100, 1000, 45*time.Second),
		{
			Phase: p, Name: "size-0", Title: "a connection without a single byte",
			Sends:   "the client ends its stream at once; the server, having seen that, does the same",
			Expects: "each sees the other's end of stream, and nothing before it",
			Why:     "health checks and port scanners do this all day; a session that never ends is a leak",
			Limit:   10 * time.Second, run: sizeZero,
		},
		{
			Phase: p, Name: "sizes", Title: "powers of two from 1 byte to 1 MB, one less and one more",
			Sends:   "streams of 2ⁿ−1, 2ⁿ and 2ⁿ+1 bytes, n = 0 to 20, one connection each, eight at once",
			Expects: "the same bytes back, then the end of the stream",
			Why:     "mistakes at the edge of a buffer show only at its exact size",
			Limit:   30 * time.Second, run: sizes,
		},
		{
			Phase: p, Name: "size-64MB", Title: "64 MB there and back",
			Sends:   "64 MiB, which the server returns while they still come",
			Expects: "the same bytes back, then the end of the stream",
			Why:     "larger than all buffers on the way together: every byte takes every path through the forwarder",
			Limit:   60 * time.Second, Load: Heavy, run: large,
		},
		{
			Phase: p, Name: "size-huge", Title: "more than 4 GiB one way",
			Sends:   "4 GiB and 64 KiB from the client to the server",
			Expects: "the same bytes, then the end of the stream",
			Why:     "counters of 32 bits run over at 4 GiB",
			Limit:   5 * time.Minute, Load: Heavy, Needs: NeedHuge, run: huge,
		},
		{
			Phase: p, Name: "one-byte-segments", Title: "4,096 segments of one byte, both ways",
			Sends: "single bytes, each in a segment of its own (TCP_NODELAY), from both sides at once; " +
				"the first 512 each only when the one before has arrived",
			Expects: "all of them, in order",
			Why:     "as many wake-ups as bytes: where a hand-over between two parts of the forwarder can go wrong, it does here",
			Limit:   20 * time.Second, run: oneByteSegments,
		},
		{
			Phase: p, Name: "round-trips", Title: "500 questions and answers on one connection",
			Sends:   "1 to 2,000 bytes, and only when they have come back the next",
			Expects: "every answer at once: on average within 100 ms",
			Why:     "nothing may be held back until more comes; remote shells and databases would be unusable",
			Limit:   60 * time.Second, run: roundTrips,
		},
		{
			Phase: p, Name: "both-ways", Title: "16 MB in each direction at the same time",
			Sends:   "client and server send different streams at once, each reading what comes",
			Expects: "both streams whole, then their ends",
			Why:     "a forwarder that writes one way while it should read the other locks up when both buffers are full",
			Limit:   30 * time.Second, run: func(t *Trial) error { return bothWays(t, 1, 16<<20) },
		},
		{
			Phase: p, Name: "both-ways-20", Title: "20 connections, 1 MB in each direction, at the same time",
			Sends:   "40 different streams at once",
			Expects: "every stream whole and on its own connection, then its end",
			Why:     "a buffer that is used again too early mixes the bytes of two clients",
			Limit:   20 * time.Second, run: func(t *Trial) error { return bothWays(t, 20, 1<<20) },
		},
		{
			Phase: p, Name: "ragged", Title: "8 connections with pieces and pauses of all sizes",
			Sends:   "pieces of 1 byte to 256 KiB with pauses of up to 3 ms between them, in an order given by the seed",
			Expects: "every stream back whole, then its end",
			Why:     "switching between small and bulk traffic, idle and busy, is where states are forgotten",
			Limit:   30 * time.Second, run: ragged,
		},
	}
}

func echoes(name string, width, total int, limit time.Duration) Case {
	return Case{
		Phase: 1, Name: name, Title: fmt.Sprintf("%d simultaneous connections (with read/write), %d total", width, total),
		Sends: fmt.Sprintf("%d connections, %d at a time: up to 32 KiB each, then the end of the stream; the server returns it all",
			total, width),
		Expects: "the same bytes back, then the end of the stream",
		Why:     "the least that a forwarder must do; one that does not pass on the end of a stream never answers",
		Limit:   limit,
		run: func(t *Trial) error {
			f, err := t.echoForwarder()
			if err != nil {
				return err
			}
			return t.times(total, width, func(i int) error {
				s := t.stream(i)
				return t.echoOnce(f, s, int64(uint64(s)%(32<<10)))
			})
		},
	}
}

// echoForwarder starts a forwarder to a server that returns what it gets.
func (t *Trial) echoForwarder() (*forwarder, error) {
	d, err := t.listen(0)
	if err != nil {
		return nil, err
	}
	d.echo()
	return t.forwardTo(d)
}

// echoOnce makes one connection, sends n bytes and the end of the stream, and expects both back.
func (t *Trial) echoOnce(f *forwarder, s stream, n int64) error {
	client, err := t.dial(f)
	if err != nil {
		return err
	}
	defer client.Close()
	if n <= 4<<10 { // too little to block on the way
		if err := client.sendAll(s, n); err != nil {
			return err
		}
		return client.expectAll(s, n)
	}
	return t.together(
		func() error { return client.sendAll(s, n) },
		func() error { return client.expectAll(s, n) },
	)
}

func sizeZero(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	if err := client.finish(); err != nil {
		return err
	}
	if err := server.expectFIN(); err != nil {
		return err
	}
	if err := server.finish(); err != nil {
		return err
	}
	return client.expectFIN()
}

// forwardToListener starts a forwarder to a destination that accepts by hand.
func (t *Trial) forwardToListener() (*forwarder, *destination, error) {
	return t.forwardToListenerWith(0)
}

func (t *Trial) forwardToListenerWith(receiveBuffer int) (*forwarder, *destination, error) {
	d, err := t.listen(receiveBuffer)
	if err != nil {
		return nil, nil, err
	}
	f, err := t.forwardTo(d)
	return f, d, err
}

func sizes(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	var lengths []int64
	for n := 0; n <= 20; n++ {
		lengths = append(lengths, 1<<n-1, 1<<n, 1<<n+1)
	}
	slices.Sort(lengths)
	lengths = slices.Compact(lengths)
	return t.times(len(lengths), 8, func(i int) error { return t.echoOnce(f, t.stream(i), lengths[i]) })
}

func large(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	return t.echoOnce(f, t.stream(0), 64<<20)
}

func huge(t *Trial) error {
	const n = 4<<30 + 64<<10
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	s := t.stream(0)
	return t.together(
		func() error { return client.sendAll(s, n) },
		func() error { return server.expectAll(s, n) },
	)
}

func oneByteSegments(t *Trial) error {
	const n = 4096
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	up, down := t.stream(0), t.stream(1)
	// A direction in lockstep: without it, the forwarder may find many of the bytes at once.
	const lockstep = 512
	oneWay := func(from, to *peer, s stream) (send, receive func() error) {
		arrived := make(chan struct{}, lockstep)
		send = func() error {
			for i := range int64(n) {
				if err := from.send(s, i, 1); err != nil {
					return err
				}
				if i < lockstep {
					select {
					case <-arrived:
					case <-t.gone():
						return nil // the receiver has said why
					}
				}
			}
			return from.finish()
		}
		receive = func() error {
			for i := range int64(lockstep) {
				if err := to.expect(s, i, 1); err != nil {
					return err
				}
				arrived <- struct{}{}
			}
			if err := to.expect(s, lockstep, n-lockstep); err != nil {
				return err
			}
			return to.expectFIN()
		}
		return send, receive
	}
	sendUp, receiveUp := oneWay(client, server, up)
	sendDown, receiveDown := oneWay(server, client, down)
	return t.together(sendUp, receiveUp, sendDown, receiveDown)
}

func roundTrips(t *Trial) error {
	const trips = 500
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	client, err := t.dial(f)
	if err != nil {
		return err
	}
	s, off := t.stream(0), int64(0)
	begin := time.Now()
	for range trips {
		n := 1 + t.rng.Int64N(2000)
		if err := client.roundTrip(s, off, n); err != nil {
			return err
		}
		off += n
	}
	mean := time.Since(begin) / trips
	t.note("%.2f ms on average", float64(mean.Microseconds())/1000)
	if mean > 100*time.Millisecond {
		return wrong("answers within 100 ms on average", "%v", mean)
	}
	return nil
}

func bothWays(t *Trial, connections int, n int64) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	var all []func() error
	for i := range connections {
		client, server, err := t.pair(f, d)
		if err != nil {
			return err
		}
		up, down := t.stream(2*i), t.stream(2*i+1)
		all = append(all,
			func() error { return client.sendAll(up, n) }, func() error { return server.expectAll(up, n) },
			func() error { return server.sendAll(down, n) }, func() error { return client.expectAll(down, n) },
		)
	}
	return t.together(all...)
}

func ragged(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	return t.times(8, 8, func(i int) error {
		s := t.stream(i)
		rng := rand.New(rand.NewPCG(uint64(s), uint64(i)))
		client, err := t.dial(f)
		if err != nil {
			return err
		}
		var pieces []int64
		var total int64
		for range 100 {
			n := 1 + rng.Int64N(1<<rng.IntN(19))
			pieces, total = append(pieces, n), total+n
		}
		return t.together(
			func() error {
				off := int64(0)
				for _, n := range pieces {
					if err := client.send(s, off, n); err != nil {
						return err
					}
					off += n
					if err := t.pause(time.Duration(rng.IntN(3000)) * time.Microsecond); err != nil {
						return err
					}
				}
				return client.finish()
			},
			func() error { return client.expectAll(s, total) },
		)
	})
}
