// Package stat holds the few figures the benchmark reports: medians,
// quantiles and ratios taken round by round.
package stat

import (
	"math"
	"slices"
)

// Median returns the middle of the measured values, the mean of the middle two
// when their number is even, and NaN when nothing was measured. NaN values
// stand for rounds that failed and are left out.
func Median(values []float64) float64 {
	sorted := measured(values)
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Range returns the smallest and the largest measured value, NaN twice when
// there is none.
func Range(values []float64) (low, high float64) {
	sorted := measured(values)
	if len(sorted) == 0 {
		return math.NaN(), math.NaN()
	}
	return sorted[0], sorted[len(sorted)-1]
}

// Ratios divides ours by theirs round by round. Only values of the same round
// share the machine's mood of the moment, so only they are divided; a round in
// which either is missing gives NaN.
func Ratios(ours, theirs []float64) []float64 {
	ratios := make([]float64, min(len(ours), len(theirs)))
	for round := range ratios {
		ratios[round] = math.NaN()
		if theirs[round] != 0 {
			ratios[round] = ours[round] / theirs[round]
		}
	}
	return ratios
}

// Quantile returns the smallest value that at least the share q of the sorted
// values does not exceed (the nearest-rank definition: always a value that was
// measured), and 0 for no values.
func Quantile(sorted []int64, q float64) int64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func measured(values []float64) []float64 {
	sorted := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.Sort(sorted)
	return sorted
}
