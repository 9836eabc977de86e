//go:build linux

package main

import (
	"slices"
	"time"

	"tcpproxy/test/bench/internal/loadctl"
	"tcpproxy/test/bench/internal/stat"
)

// latencies keeps every single sample: a histogram would round exactly the
// tail that the report is about.
type latencies []int64

// newLatencies has room for a run's samples, so that growing does not disturb it.
func newLatencies() latencies { return make(latencies, 0, 1<<19) }

// reply sorts the samples and sums them up.
func (l latencies) reply(took time.Duration) loadctl.Reply {
	slices.Sort(l)
	micros := func(q float64) float64 { return float64(stat.Quantile(l, q)) / 1e3 }
	return loadctl.Reply{
		Count:   int64(len(l)),
		Seconds: took.Seconds(),
		P50:     micros(0.50),
		P99:     micros(0.99),
		P999:    micros(0.999),
	}
}
