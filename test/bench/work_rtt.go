//go:build linux

package main

import (
	"context"
	"fmt"

	"tcpproxy/test/bench/internal/loadctl"
)

// roundTripWork keeps one 64-byte block in flight on each of conns
// connections.
func roundTripWork(name string, conns int) work {
	run := func(millis int) func(context.Context, *rig) (map[string]figures, error) {
		return func(ctx context.Context, r *rig) (map[string]figures, error) {
			if _, err := r.do(ctx, loadctl.Command{Do: loadctl.Open, Count: conns}); err != nil {
				return nil, err
			}
			drive := loadctl.Command{Do: loadctl.RoundTrips, Count: conns, Millis: 150}
			if _, err := r.do(ctx, drive); err != nil { // warms the proxy up
				return nil, err
			}
			drive.Millis = millis
			w, err := r.measure(ctx, drive)
			if err != nil {
				return nil, err
			}
			memory, err := residentBytes(r.pids)
			return map[string]figures{name: {
				cpuPerTrip: w.each(), tripRate: w.rate(),
				p50: w.P50, p99: w.P99, p999: w.P999, resident: float64(memory) / 1e6,
			}}, err
		}
	}
	w := work{
		name: name,
		unit: "round trip",
		run:  run(1200),
		rows: []row{{
			name:    name,
			title:   "64-byte round trips, " + plural(conns, "connection"),
			metrics: []metric{cpuPerTrip, tripRate, p50, p99, p999, resident},
			ratios:  []metric{cpuPerTrip, p50, p99},
		}},
		skip: []string{haproxySplice},
	}
	if conns <= 64 {
		w.short = run(500)
	} else {
		w.skip = append(w.skip, wireOnly)
	}
	return w
}

// churnWork runs whole sessions: connect, one exchange, close.
func churnWork() work {
	const name, atOnce = "churn", 32
	run := func(millis int) func(context.Context, *rig) (map[string]figures, error) {
		return func(ctx context.Context, r *rig) (map[string]figures, error) {
			command := loadctl.Command{Do: loadctl.Sessions, Count: atOnce, Millis: 150}
			if _, err := r.do(ctx, command); err != nil { // warms the proxy up
				return nil, err
			}
			command.Millis = millis
			w, err := r.measure(ctx, command)
			if err != nil {
				return nil, err
			}
			memory, err := residentBytes(r.pids)
			return map[string]figures{name: {
				cpuPerVisit: w.each(), visitRate: w.rate(),
				p50: w.P50, p99: w.P99, p999: w.P999, resident: float64(memory) / 1e6,
			}}, err
		}
	}
	return work{
		name:  name,
		unit:  "session",
		run:   run(1200),
		short: run(500),
		rows: []row{{
			name:    name,
			title:   fmt.Sprintf("Connect, one exchange, close; %d at once", atOnce),
			metrics: []metric{cpuPerVisit, visitRate, p50, p99, p999, resident},
			ratios:  []metric{cpuPerVisit, p99},
		}},
		skip: []string{haproxySplice},
	}
}
