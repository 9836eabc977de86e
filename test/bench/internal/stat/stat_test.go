package stat

import (
	"math"
	"testing"
)

func TestMedianLeavesOutFailedRounds(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3, 1, 2}, 2},
		{[]float64{4, 1, 2, 3}, 2.5},
		{[]float64{nan, 7, nan}, 7},
		{[]float64{nan}, nan},
		{nil, nan},
	} {
		got := Median(c.values)
		if got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("Median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}

func TestMedianKeepsTheOrderOfRounds(t *testing.T) {
	values := []float64{3, 1, 2}
	Median(values)
	if values[0] != 3 || values[1] != 1 || values[2] != 2 {
		t.Errorf("Median sorted its argument: %v", values)
	}
}

func TestRatiosPairRounds(t *testing.T) {
	got := Ratios([]float64{1, math.NaN(), 9, 1}, []float64{2, 2, 3, 0})
	if got[0] != 0.5 || !math.IsNaN(got[1]) || got[2] != 3 || !math.IsNaN(got[3]) {
		t.Errorf("Ratios = %v, want [0.5 NaN 3 NaN]", got)
	}
}

func TestRange(t *testing.T) {
	low, high := Range([]float64{5, math.NaN(), 2, 8})
	if low != 2 || high != 8 {
		t.Errorf("Range = %v, %v, want 2, 8", low, high)
	}
}

func TestQuantileIsAMeasuredValue(t *testing.T) {
	hundred := make([]int64, 100)
	for i := range hundred {
		hundred[i] = int64(i + 1)
	}
	for _, c := range []struct {
		sorted []int64
		q      float64
		want   int64
	}{
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 0.999, 100},
		{[]int64{7}, 0.5, 7},
		{[]int64{7, 9}, 0, 7},
		{nil, 0.5, 0},
	} {
		if got := Quantile(c.sorted, c.q); got != c.want {
			t.Errorf("Quantile(%d values, %v) = %d, want %d", len(c.sorted), c.q, got, c.want)
		}
	}
}
