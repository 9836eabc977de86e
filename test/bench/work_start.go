//go:build linux

package main

import (
	"context"
	"os"
)

// startWork has nothing to do: a rig that stands has been started, and knows
// how long that took.
func startWork() work {
	const name = "start"
	return work{
		name: name,
		run: func(_ context.Context, r *rig) (map[string]figures, error) {
			binary, err := os.Stat(r.peer.program)
			if err != nil {
				return nil, err
			}
			memory, err := residentBytes(r.pids)
			if err != nil {
				return nil, err
			}
			return map[string]figures{name: {
				startMillis: r.startup.Seconds() * 1e3,
				binaryMB:    float64(binary.Size()) / 1e6,
				resident:    float64(memory) / 1e6,
			}}, nil
		},
		rows: []row{{
			name:    name,
			title:   "Start: from exec to the first block answered through the proxy",
			metrics: []metric{startMillis, binaryMB, resident},
			ratios:  []metric{startMillis},
		}},
		skip: []string{wireOnly, haproxySplice},
	}
}
