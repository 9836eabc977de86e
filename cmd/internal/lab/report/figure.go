package report

import (
	"math"

	"tcpproxy/cmd/internal/lab"
	"tcpproxy/cmd/internal/lab/stats"
)

// figure is something measured of each run.
type figure struct {
	name string
	unit string                  // "ms", "bytes", or "" for a share of the runs or a number
	of   func(r lab.Run) float64 // NaN if the run has none
	one  func([]float64) float64 // the statistic that speaks for many runs
	show func(v float64) string  // a value in words
}

var (
	lived     = figure{"lived", "", func(r lab.Run) float64 { return share(r.Lived) }, stats.Mean, percent}
	gaveUp    = figure{"supervisor gave up", "", func(r lab.Run) float64 { return share(r.GaveUp) }, stats.Mean, percent}
	lost      = figure{"bytes lost", "bytes", func(r lab.Run) float64 { return float64(r.Lost) }, stats.Mean, number}
	repeated  = figure{"bytes repeated", "bytes", func(r lab.Run) float64 { return float64(r.Repeated) }, stats.Mean, number}
	reordered = figure{"bytes reordered", "bytes", func(r lab.Run) float64 { return float64(r.Reordered) }, stats.Mean, number}
	faults    = figure{"faults", "", func(r lab.Run) float64 { return float64(r.Faults) }, stats.Mean, number}
	restarts  = figure{"restarts", "", func(r lab.Run) float64 { return float64(len(r.RestartsMs)) }, stats.Mean, number}
	hurt      = figure{"others hurt", "", func(r lab.Run) float64 { return float64(r.OthersHurt) }, stats.Mean, number}

	// A connection that was reset has no pause: it has an end.
	pause       = figure{"pause", "ms", ofLiving(func(r lab.Run) float64 { return r.PauseMs }), stats.Median, number}
	undisturbed = figure{"undisturbed pause", "ms", ofLiving(func(r lab.Run) float64 { return r.UndisturbedMs }), stats.Median, number}
	added       = figure{"added pause", "ms", ofLiving(func(r lab.Run) float64 { return r.PauseMs - r.UndisturbedMs }), stats.Median, number}

	running      = figure{"fault to running", "ms", fromFaultToRunning, stats.Median, number}
	othersBefore = figure{"others' p99 before", "ms", ofOthers(func(r lab.Run) float64 { return r.OthersBeforeMs }), stats.Median, number}
	othersDuring = figure{"others' p99 around the fault", "ms", ofOthers(func(r lab.Run) float64 { return r.OthersDuringMs }),
		stats.Median, number}
	othersAdded = figure{"others' added p99", "ms", ofOthers(func(r lab.Run) float64 { return r.OthersDuringMs - r.OthersBeforeMs }),
		stats.Median, number}
)

// compared are the figures that Compare looks at. What a fault adds is left out: it is the difference of two that are there.
var compared = []figure{lived, gaveUp, lost, repeated, reordered, pause, undisturbed, running, restarts, faults,
	othersBefore, othersDuring, hurt}

func share(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func ofLiving(of func(lab.Run) float64) func(lab.Run) float64 {
	return func(r lab.Run) float64 {
		if !r.Lived {
			return math.NaN()
		}
		return of(r)
	}
}

// ofOthers knows that a run without others beside it measures 0 of them.
func ofOthers(of func(lab.Run) float64) func(lab.Run) float64 {
	return func(r lab.Run) float64 {
		if r.OthersBeforeMs == 0 && r.OthersDuringMs == 0 {
			return math.NaN()
		}
		return of(r)
	}
}

// fromFaultToRunning is the longest of a run; those who went down with another have no time of their own.
func fromFaultToRunning(r lab.Run) float64 {
	longest := math.NaN()
	for _, t := range r.RestartsMs {
		if t.Ms > 0 && !(t.Ms <= longest) {
			longest = t.Ms
		}
	}
	return longest
}

// values are a figure of each run that has it.
func (f figure) values(runs []lab.Run) []float64 {
	var values []float64
	for _, r := range runs {
		if v := f.of(r); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return values
}

// estimate is what is known of a figure: never a bare number.
type estimate struct {
	value, low, high float64
	n                int
	unit             string
	show             func(float64) string
}

func (f figure) estimate(runs []lab.Run, seed uint64) estimate { return f.statistic(runs, seed, f.one) }

func (f figure) quantile(runs []lab.Run, seed uint64, q float64) estimate {
	return f.statistic(runs, seed, func(values []float64) float64 { return stats.Quantile(values, q) })
}

func (f figure) statistic(runs []lab.Run, seed uint64, of func([]float64) float64) estimate {
	values := f.values(runs)
	low, high := stats.Interval(values, of, seed)
	return estimate{of(values), low, high, len(values), f.unit, f.show}
}

// enough runs must there be before an interval is believed: five that differ by noise alone all fall on one side of 0 once in sixteen
// times, three once in four.
const enough = 5

// beyondNoise tells that the interval does not hold 0, of enough runs.
func (e estimate) beyondNoise() bool { return e.n >= enough && (e.low > 0 || e.high < 0) }
