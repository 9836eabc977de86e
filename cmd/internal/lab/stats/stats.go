// Package stats holds the statistics of the laboratory: means, quantiles, and how sure one may be of them.
//
// The intervals are bootstrapped: a statistic is taken of many samples that are drawn, with replacement, from the values that were
// measured, and the interval is what the middle of those covers. It needs no belief about how the values are distributed, but it knows
// nothing that the values do not say: of three runs that happen to agree it is too narrow.
package stats

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Level is the confidence of the intervals.
const Level = 0.95

// resamples are drawn for an interval at Level; it moves by a hundredth or so of its width from one seed to the next.
const resamples = 2000

// Mean is the arithmetic mean; NaN of no values.
func Mean(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return stat.Mean(values, nil)
}

// Quantile is the smallest value that at least the share q of the values does not exceed, so always one that was measured. The values
// may be in any order; NaN of none.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return stat.Quantile(min(max(q, 0), 1), stat.Empirical, sorted, nil)
}

// Median is Quantile of one half, in the form that Interval and Difference take.
func Median(values []float64) float64 { return Quantile(values, 0.5) }

// Interval bounds a statistic of what the values are a sample of, at Level. The same seed gives the same. One value is its own
// interval: the caller must say that it is only one. Both ends are NaN of none.
func Interval(values []float64, statistic func([]float64) float64, seed uint64) (low, high float64) {
	if len(values) == 0 {
		return math.NaN(), math.NaN()
	}
	if constant(values) {
		v := statistic(values)
		return v, v
	}
	random, sample := source(seed), make([]float64, len(values))
	return middle(Level, resamples, func() float64 { return statistic(draw(random, values, sample)) })
}

// Difference bounds what a statistic of b has over that of a, at a level that the caller chooses: who compares many figures at once
// must choose a higher one than Level, or be told of changes that are none. Both ends are NaN if either has no values.
func Difference(a, b []float64, statistic func([]float64) float64, level float64, seed uint64) (low, high float64) {
	if len(a) == 0 || len(b) == 0 {
		return math.NaN(), math.NaN()
	}
	if constant(a) && constant(b) {
		v := statistic(b) - statistic(a)
		return v, v
	}
	random, as, bs := source(seed), make([]float64, len(a)), make([]float64, len(b))
	// The further out the ends are, the more samples it takes to have some beyond them.
	n := max(resamples, min(20*resamples, int(20/(1-level))))
	return middle(level, n, func() float64 { return statistic(draw(random, b, bs)) - statistic(draw(random, a, as)) })
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x6c6162)) }

// draw fills the sample with values chosen at random, each perhaps several times.
func draw(random *rand.Rand, values, sample []float64) []float64 {
	for i := range sample {
		sample[i] = values[random.IntN(len(values))]
	}
	return sample
}

// middle takes n values and returns the ends of their middle part.
func middle(level float64, n int, next func() float64) (low, high float64) {
	all := make([]float64, n)
	for i := range all {
		all[i] = next()
	}
	slices.Sort(all)
	outside := (1 - level) / 2
	return stat.Quantile(outside, stat.Empirical, all, nil), stat.Quantile(1-outside, stat.Empirical, all, nil)
}

func constant(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return v != values[0] })
}
