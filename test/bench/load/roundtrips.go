//go:build linux

package main

import (
	"fmt"
	"time"

	"tcpproxy/test/bench/internal/loadctl"
)

// roundTrips keeps a block in flight on active of the open connections for the
// given time. They are spread evenly over all of them; with inTurn a connection
// passes the baton to the next idle one after each reply, so that all are used.
//
// What is out when the time is up is still waited for and counted: every round
// trip that cost the proxy anything is in the count, and the next command finds
// all connections quiet.
func (c *clients) roundTrips(active int, inTurn bool, lasting time.Duration) (loadctl.Reply, error) {
	if active < 1 || active > len(c.conns) {
		return loadctl.Reply{}, fmt.Errorf("%d of %d open connections cannot be driven", active, len(c.conns))
	}
	samples := newLatencies()
	start := time.Now()
	out := 0
	launch := func(client *client, now time.Time) error {
		client.since = now
		out++
		return client.send()
	}
	for i := range active {
		if err := launch(c.conns[i*len(c.conns)/active], time.Now()); err != nil {
			return loadctl.Reply{}, err
		}
	}
	next := 0
	for out > 0 {
		if err := c.replies(func(_ int, client *client) error {
			now := time.Now()
			samples = append(samples, now.Sub(client.since).Nanoseconds())
			out--
			if now.Sub(start) >= lasting {
				return nil
			}
			if inTurn {
				for c.conns[next].busy {
					next = (next + 1) % len(c.conns)
				}
				client = c.conns[next]
				next = (next + 1) % len(c.conns)
			}
			return launch(client, now)
		}); err != nil {
			return loadctl.Reply{}, err
		}
	}
	return samples.reply(time.Since(start)), nil
}
