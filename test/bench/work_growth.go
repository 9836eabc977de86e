//go:build linux

package main

import (
	"context"

	"tcpproxy/test/bench/internal/loadctl"
)

// growthLevels are the numbers of live sessions between which the cost of a
// round trip is compared; growthActive of them are active at any moment.
var growthLevels = []struct {
	live    int
	cost    metric
	against metric // the cost relative to that at the first level
}{
	{100, cpuAt100, ""},
	{1000, cpuAt1000, growthTo1000},
	{8000, cpuAt8000, growthTo8000},
}

const growthActive = 64

// growthWork tells apart two reasons why a round trip may cost more among more
// sessions. With a fixed active set only the proxy's own data structures can
// be the reason. When the activity moves over all sessions, the sockets of the
// kernel and the memory of every session leave the processor's caches between
// two uses, which no proxy can help, so that row is there to compare.
func growthWork() work {
	const fixed, inTurn = "growth", "growth-in-turn"
	metrics := []metric{cpuAt100, cpuAt1000, cpuAt8000, growthTo1000, growthTo8000}
	return work{
		name: "growth",
		skip: []string{wireOnly, haproxySplice, nginx},
		rows: []row{
			{fixed, "Growth: a round trip among more and more sessions, the same 64 active", metrics, []metric{cpuAt8000}},
			{inTurn, "Growth: the same, 64 active at a time, all in turn", metrics, []metric{cpuAt8000}},
		},
		run: func(ctx context.Context, r *rig) (map[string]figures, error) {
			results := map[string]figures{fixed: {}, inTurn: {}}
			for _, level := range growthLevels {
				if _, err := r.do(ctx, loadctl.Command{Do: loadctl.Open, Count: level.live}); err != nil {
					return results, err
				}
				if err := pause(ctx, grace); err != nil {
					return results, err
				}
				for _, row := range []string{fixed, inTurn} {
					drive := loadctl.Command{Do: loadctl.RoundTrips, Count: growthActive, InTurn: row == inTurn, Millis: 100}
					if _, err := r.do(ctx, drive); err != nil { // warms the caches up
						return results, err
					}
					drive.Millis = 1000
					w, err := r.measure(ctx, drive)
					if err != nil {
						return results, err
					}
					results[row][level.cost] = w.each()
					if level.against != "" {
						results[row][level.against] = w.each() / results[row][growthLevels[0].cost]
					}
				}
			}
			return results, nil
		},
	}
}
