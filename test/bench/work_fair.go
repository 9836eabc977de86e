//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"tcpproxy/test/bench/internal/loadctl"
)

// fairWork runs four bulk streams, two each way, as fast as they go, beside
// 100 connections with one small block in flight each. The bulk clients have a
// process of their own, or they would delay the small ones themselves.
func fairWork() work {
	const name = "fair"
	return work{
		name: name,
		run:  runFair(name),
		skip: []string{wireOnly},
		rows: []row{{
			name:    name,
			title:   "100 small clients beside four bulk streams (latencies of the small ones)",
			metrics: []metric{p50, p99, p999, tripRate, gbPerSecond},
			ratios:  []metric{p99, gbPerSecond},
		}},
	}
}

func runFair(name string) func(context.Context, *rig) (map[string]figures, error) {
	const (
		streams, small = 4, 100
		lead           = 300 * time.Millisecond // bulk before the small ones are watched
		watched        = 1500 * time.Millisecond
	)
	return func(ctx context.Context, r *rig) (map[string]figures, error) {
		if _, err := r.do(ctx, loadctl.Command{Do: loadctl.Open, Count: small}); err != nil {
			return nil, err
		}
		heavy, err := r.addDriver()
		if err != nil {
			return nil, err
		}
		type result struct {
			loadctl.Reply
			err error
		}
		moved := make(chan result, 1)
		go func() {
			reply, err := heavy.do(ctx, loadctl.Command{
				Do: loadctl.Bulk, Direction: loadctl.Both, Count: streams,
				Millis: int((lead + watched + lead).Milliseconds()),
			})
			moved <- result{reply, err}
		}()
		if err := pause(ctx, lead); err != nil {
			return nil, err
		}
		w, err := r.measure(ctx, loadctl.Command{
			Do: loadctl.RoundTrips, Count: small, Millis: int(watched.Milliseconds()),
		})
		if err != nil {
			return nil, err
		}
		bulk := <-moved
		if bulk.err != nil {
			return nil, fmt.Errorf("the bulk beside: %w", r.blame(bulk.err))
		}
		return map[string]figures{name: {
			p50: w.P50, p99: w.P99, p999: w.P999, tripRate: w.rate(),
			gbPerSecond: window{Reply: bulk.Reply}.speed(),
		}}, nil
	}
}
