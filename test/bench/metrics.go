//go:build linux

package main

// metric names a figure; its title carries the unit.
type metric string

// What is measured. A row of the tables has those its kind of work gives.
const (
	cpuPerGB     metric = "CPU-s/GB"
	gbPerSecond  metric = "GB/s"
	cpuPerTrip   metric = "CPU µs/round trip"
	tripRate     metric = "round trips/s"
	cpuPerVisit  metric = "CPU µs/session"
	visitRate    metric = "sessions/s"
	p50          metric = "p50 µs"
	p99          metric = "p99 µs"
	p999         metric = "p99.9 µs"
	resident     metric = "resident MB"
	perIdle      metric = "kB/session"
	fdsPerIdle   metric = "descriptors/session"
	idleCPU      metric = "idle CPU ms/s"
	idleGrowth   metric = "kB/session ÷ at 3,000"
	cpuAt100     metric = "CPU µs at 100"
	cpuAt1000    metric = "CPU µs at 1,000"
	cpuAt8000    metric = "CPU µs at 8,000"
	growthTo1000 metric = "1,000 ÷ 100"
	growthTo8000 metric = "8,000 ÷ 100"
	startMillis  metric = "start ms"
	binaryMB     metric = "binary MB"
	cpuUnwatched metric = "CPU µs/round trip, nobody looks"
	cpuWatched   metric = "CPU µs/round trip, console open"
	watchedCost  metric = "open ÷ closed"
)

// figures are what one run gives for one row.
type figures map[metric]float64

// cell addresses the values of one figure, one per round.
type cell struct {
	row    string
	peer   string
	metric metric
}

// samples are all values measured, by round; NaN where a run failed.
type samples map[cell][]float64
