//go:build linux

package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"tcpproxy/test/bench/internal/stat"
)

// target is a must-reach row: a bound on one of our figures, or on its ratio
// to another proxy's figure of the same round.
type target struct {
	row     string
	metric  metric
	against string // empty: the figure itself is bounded
	limit   float64
	who     string // empty: tcpproxy as it is without flags
}

// of is whose figure is bounded.
func (t target) of() string { return cmp.Or(t.who, ours) }

// targets in the order of the design's table. Growth is bounded on the upper
// side only: that a round trip gets cheaper in company is no cliff.
var targets = []target{
	{"bulk-up-1", cpuPerGB, haproxy, 0.25, ""},
	{"bulk-up-1", cpuPerGB, ioCopy, 1, ""},
	{"bulk-down-4", cpuPerGB, haproxy, 0.30, ""},
	{"bulk-down-4", cpuPerGB, ioCopy, 1, ""},
	{"rtt-1", cpuPerTrip, haproxy, 0.8, ""},
	{"rtt-1", p50, haproxy, 0.8, ""},
	{"rtt-64", cpuPerTrip, haproxy, 1, ""},
	{"rtt-64", p99, haproxy, 1, ""},
	{"churn", cpuPerVisit, haproxy, 1, ""},
	{"churn", p99, haproxy, 1, ""},
	{"idle-3000", resident, haproxy, 1, ""},
	{"idle-8000", resident, haproxy, 1, ""},
	{"idle-8000", perIdle, haproxy, 1, ""},
	{"idle-8000", idleGrowth, "", 1.15, ""},
	// Two sockets, and nothing else, a session.
	{"idle-8000", fdsPerIdle, "", 2.01, ""},
	// "No CPU": a thousandth of a core.
	{"idle-8000", idleCPU, "", 1, ""},
	{"fair", p99, haproxy, 1, ""},
	{"bulk-up-1", cpuPerGB, wireOnly, 1.1, ""},
	{"rtt-64", cpuPerTrip, wireOnly, 1.1, ""},
	{"churn", cpuPerVisit, wireOnly, 1.1, ""},
	{"growth", growthTo1000, "", 1.15, ""},
	{"growth", growthTo8000, "", 1.15, ""},
	{"start", startMillis, "", 50, ""},
	{"watched", watchedCost, "", 1.03, ""},
	// What surviving the process may cost, on each row: 3 % more CPU time, and 256 bytes a session.
	{"bulk-up-1", cpuPerGB, ours, 1.03, oursSurviving},
	{"bulk-down-4", cpuPerGB, ours, 1.03, oursSurviving},
	{"rtt-1", cpuPerTrip, ours, 1.03, oursSurviving},
	{"rtt-64", cpuPerTrip, ours, 1.03, oursSurviving},
	{"churn", cpuPerVisit, ours, 1.03, oursSurviving},
	{"idle-8000", perIdle, ours, 1.08, oursSurviving},
}

// verdict is a target and how it was met.
type verdict struct {
	target
	median, low, high float64 // NaN when nothing was measured
	reached           bool
}

// judge compares the samples with the targets of the rows and proxies that
// were asked for. A target whose figures are missing all the same is not
// reached: a bound nobody has measured against is not kept.
func judge(measured samples, rows, proxies []string) []verdict {
	var verdicts []verdict
	for _, t := range targets {
		if !slices.Contains(rows, t.row) || t.against != "" && !slices.Contains(proxies, t.against) ||
			!slices.Contains(proxies, t.of()) {
			continue
		}
		values := measured[cell{t.row, t.of(), t.metric}]
		if t.against != "" {
			values = stat.Ratios(values, measured[cell{t.row, t.against, t.metric}])
		}
		v := verdict{target: t, median: stat.Median(values)}
		v.low, v.high = stat.Range(values)
		v.reached = v.median <= t.limit // never true of NaN
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// missed counts the targets not reached.
func missed(verdicts []verdict) int {
	n := 0
	for _, v := range verdicts {
		if !v.reached {
			n++
		}
	}
	return n
}

// bound says what was to be reached.
func (t target) bound() string {
	if t.against == "" {
		return fmt.Sprintf("≤ %s", short(t.limit)) + t.whose()
	}
	return fmt.Sprintf("≤ %.2f × %s", t.limit, t.against) + t.whose()
}

// whose names the proxy whose figure is bounded, unless that goes without saying.
func (t target) whose() string {
	if t.who == "" {
		return ""
	}
	return ", for " + t.who
}

// outcome is the verdict in a word.
func (v verdict) outcome() string {
	switch {
	case v.reached:
		return "reached"
	case math.IsNaN(v.median):
		return "**missed**: not measured"
	}
	return "**missed**"
}
