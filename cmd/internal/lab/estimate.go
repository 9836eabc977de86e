package lab

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Estimate is a figure of a cell, as far as its runs tell: another few runs would give another value, most likely between Low and High.
type Estimate struct {
	Value float64
	Low   float64 // 95 % confidence, by bootstrap
	High  float64
	Runs  int
}

// resamples is how many samples the bootstrap draws. More would not change the interval's second digit.
const resamples = 1000

// Measure works out a figure of a cell by its name; see Figures. It is false if the figure has no value there: no run could be carried
// out, nobody restarted whose restart could be timed, or there is no such figure. The same seed gives the same interval.
func Measure(c Cell, figure string, seed uint64) (Estimate, bool) {
	of, found := figures[figure]
	if !found {
		return Estimate{}, false
	}
	var runs []Run
	for _, r := range c.Runs {
		if r.Error == "" {
			runs = append(runs, r)
		}
	}
	value, ok := of.value(runs)
	if !ok {
		return Estimate{}, false
	}
	h := fnv.New64a()
	for _, s := range []string{figure, c.Strategy, c.Victim, c.Traffic, c.Fault.Kind, c.Fault.Point} {
		_, _ = h.Write([]byte(s + "\x00"))
	}
	random := rand.New(rand.NewPCG(seed, h.Sum64()))
	drawn := make([]float64, 0, resamples)
	again := make([]Run, len(runs))
	for range resamples {
		for i := range again {
			again[i] = runs[random.IntN(len(runs))]
		}
		if v, ok := of.value(again); ok {
			drawn = append(drawn, v)
		}
	}
	slices.Sort(drawn)
	return Estimate{Value: value, Low: quantile(0.025, drawn), High: quantile(0.975, drawn), Runs: len(runs)}, true
}

// figure is how a figure is worked out: what each run has to say of it, and what is made of all that.
type figure struct {
	of   func(Run) []float64
	into func([]float64) float64
}

func (f figure) value(runs []Run) (float64, bool) {
	var all []float64
	for _, r := range runs {
		all = append(all, f.of(r)...)
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return f.into(all), true
}

// quantile of sorted values.
func quantile(p float64, sorted []float64) float64 {
	return stat.Quantile(p, stat.LinInterp, sorted, nil)
}

func mean(all []float64) float64   { return stat.Mean(all, nil) }
func median(all []float64) float64 { return quantile(0.5, all) }
func p99(all []float64) float64    { return quantile(0.99, all) }

func one(of func(Run) float64) func(Run) []float64 {
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
var figures = map[string]figure{
	"lived":                {share(func(r Run) bool { return r.Lived }), mean},
	"lost":                 {one(func(r Run) float64 { return float64(r.Lost) }), mean},
	"repeated":             {one(func(r Run) float64 { return float64(r.Repeated) }), mean},
	"reordered":            {one(func(r Run) float64 { return float64(r.Reordered) }), mean},
	"client_reset":         {share(func(r Run) bool { return r.ClientSaw == "RST" }), mean},
	"server_reset":         {share(func(r Run) bool { return r.ServerSaw == "RST" }), mean},
	"gave_up":              {share(func(r Run) bool { return r.GaveUp }), mean},
	"faults":               {one(func(r Run) float64 { return float64(r.Faults) }), mean},
	"restarts":             {one(func(r Run) float64 { return float64(len(r.RestartsMs)) }), mean},
	"restart_p50_ms":       {restartTimes, median},
	"pause_p50_ms":         {one(pause), median},
	"pause_p99_ms":         {one(pause), p99},
	"pause_max_ms":         {one(pause), func(all []float64) float64 { return all[len(all)-1] }},
	"undisturbed_p50_ms":   {one(undisturbed), median},
	"undisturbed_p99_ms":   {one(undisturbed), p99},
	"others_before_p99_ms": {one(func(r Run) float64 { return r.OthersBeforeMs }), mean},
	"others_during_p99_ms": {one(func(r Run) float64 { return r.OthersDuringMs }), mean},
	"others_hurt":          {one(func(r Run) float64 { return float64(r.OthersHurt) }), mean},
}
