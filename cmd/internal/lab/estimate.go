package lab

import (
	"hash/fnv"
	"slices"

	"tcpproxy/cmd/internal/lab/stats"
)

// Estimate is a figure of a cell, as far as its runs tell: another few runs would give another value, most likely between Low and High.
type Estimate struct {
	Value float64
	Low   float64 // 95 % confidence, by bootstrap
	High  float64
	Runs  int
}

// Measure works out a figure of a cell by its name; see Figures. It is false if the figure has no value there: no run could be carried
// out, nobody restarted whose restart could be timed, or there is no such figure. The same seed gives the same interval.
func Measure(c Cell, name string, seed uint64) (Estimate, bool) {
	f, found := figures[name]
	if !found {
		return Estimate{}, false
	}
	var values []float64
	runs := 0
	for _, r := range c.Runs {
		if r.Error == "" {
			runs++
			values = append(values, f.of(r)...)
		}
	}
	if len(values) == 0 {
		return Estimate{}, false
	}
	h := fnv.New64a()
	for _, s := range []string{name, c.Strategy, c.Victim, c.Traffic, c.Fault.Kind, c.Fault.Point} {
		_, _ = h.Write([]byte(s + "\x00"))
	}
	low, high := stats.Interval(values, f.into, seed^h.Sum64())
	return Estimate{Value: f.into(values), Low: low, High: high, Runs: runs}, true
}

// measure is how a figure is worked out: what each run has to say of it, and what is made of all that.
type measure struct {
	of   func(Run) []float64
	into func([]float64) float64
}

func p99(values []float64) float64 { return stats.Quantile(values, 0.99) }

func number(of func(Run) float64) func(Run) []float64 {
	return func(r Run) []float64 { return []float64{of(r)} }
}

func share(of func(Run) bool) func(Run) []float64 {
	return func(r Run) []float64 {
		if of(r) {
			return []float64{1}
		}
		return []float64{0}
	}
}

// restartTimes are those of the actors that failed themselves: who went down with another has no failure to count from.
func restartTimes(r Run) (all []float64) {
	for _, t := range r.RestartsMs {
		if t.Ms > 0 {
			all = append(all, t.Ms)
		}
	}
	return all
}

func pause(r Run) float64       { return r.PauseMs }
func undisturbed(r Run) float64 { return r.UndisturbedMs }

// figures are those of Figures, by name.
var figures = map[string]measure{
	"lived":                {share(func(r Run) bool { return r.Lived }), stats.Mean},
	"lost":                 {number(func(r Run) float64 { return float64(r.Lost) }), stats.Mean},
	"repeated":             {number(func(r Run) float64 { return float64(r.Repeated) }), stats.Mean},
	"reordered":            {number(func(r Run) float64 { return float64(r.Reordered) }), stats.Mean},
	"client_reset":         {share(func(r Run) bool { return r.ClientSaw == "RST" }), stats.Mean},
	"server_reset":         {share(func(r Run) bool { return r.ServerSaw == "RST" }), stats.Mean},
	"gave_up":              {share(func(r Run) bool { return r.GaveUp }), stats.Mean},
	"faults":               {number(func(r Run) float64 { return float64(r.Faults) }), stats.Mean},
	"restarts":             {number(func(r Run) float64 { return float64(len(r.RestartsMs)) }), stats.Mean},
	"restart_p50_ms":       {restartTimes, stats.Median},
	"pause_p50_ms":         {number(pause), stats.Median},
	"pause_p99_ms":         {number(pause), p99},
	"pause_max_ms":         {number(pause), slices.Max[[]float64]},
	"undisturbed_p50_ms":   {number(undisturbed), stats.Median},
	"undisturbed_p99_ms":   {number(undisturbed), p99},
	"others_before_p99_ms": {number(func(r Run) float64 { return r.OthersBeforeMs }), stats.Mean},
	"others_during_p99_ms": {number(func(r Run) float64 { return r.OthersDuringMs }), stats.Mean},
	"others_hurt":          {number(func(r Run) float64 { return float64(r.OthersHurt) }), stats.Mean},
}
