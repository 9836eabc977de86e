//go:build linux

package main

import (
	"context"

	"tcpproxy/test/bench/internal/loadctl"
)

// work is a kind of load, run on a fresh rig.
type work struct {
	name string
	rows []row
	run  func(ctx context.Context, r *rig) (map[string]figures, error)
	// short is a shorter run of the same, for --quick and for counting system
	// calls; works without it take part in neither.
	short func(ctx context.Context, r *rig) (map[string]figures, error)
	unit  string // what system calls are counted per
	// skip names proxies whose results here would repeat another's or answer
	// no question, to keep a whole run short.
	skip []string
}

// row is a table of the report.
type row struct {
	name    string
	title   string
	metrics []metric
	// ratios are the figures set against HAProxy's and io.Copy's.
	ratios []metric
}

// allWorks in the order of the report.
func allWorks() []work {
	const transfers, each = 4, 400_000_000
	return []work{
		bulkWork("bulk-up-1", loadctl.Up, 1, transfers, each),
		bulkWork("bulk-up-4", loadctl.Up, 4, transfers, each),
		bulkWork("bulk-down-1", loadctl.Down, 1, transfers, each),
		bulkWork("bulk-down-4", loadctl.Down, 4, transfers, each),
		roundTripWork("rtt-1", 1),
		roundTripWork("rtt-64", 64),
		roundTripWork("rtt-1000", 1000),
		churnWork(),
		idleWork(),
		fairWork(),
		growthWork(),
		startWork(),
		watchedWork(),
	}
}
