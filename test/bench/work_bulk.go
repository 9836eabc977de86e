//go:build linux

package main

import (
	"context"
	"fmt"

	"tcpproxy/test/bench/internal/loadctl"
)

// bulkWork moves a fixed number of bytes, so that a slow proxy and a fast one
// do the same work. It does so in several transfers over fresh connections:
// what TCP's congestion control makes of a connection in its first moments
// stays with it, and moved the cost of a single transfer by a quarter.
func bulkWork(name, direction string, conns, transfers int, bytes int64) work {
	run := func(transfers int) func(context.Context, *rig) (map[string]figures, error) {
		return func(ctx context.Context, r *rig) (map[string]figures, error) {
			command := loadctl.Command{Do: loadctl.Bulk, Direction: direction, Count: conns, Bytes: bytes / 8}
			if _, err := r.do(ctx, command); err != nil { // warms the proxy up
				return nil, err
			}
			command.Bytes = bytes
			var w window
			for range transfers {
				more, err := r.measure(ctx, command)
				if err != nil {
					return nil, err
				}
				w.add(more)
			}
			memory, err := residentBytes(r.pids)
			return map[string]figures{name: {
				cpuPerGB: w.perGB(), gbPerSecond: w.speed(), resident: float64(memory) / 1e6,
			}}, err
		}
	}
	w := work{
		name: name,
		unit: "MB",
		run:  run(transfers),
		rows: []row{{
			name:    name,
			title:   fmt.Sprintf("Bulk %s, %s", direction, plural(conns, "connection")),
			metrics: []metric{cpuPerGB, gbPerSecond, resident},
			ratios:  []metric{cpuPerGB, gbPerSecond},
		}},
	}
	if conns == 1 {
		w.short = run(1)
	}
	if name != "bulk-up-1" && name != "bulk-down-4" {
		w.skip = []string{wireOnly} // two kinds of bulk tell its price
	}
	return w
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
