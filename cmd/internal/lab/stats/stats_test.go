package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestNothingMeasuredIsNoNumber(t *testing.T) {
	low, high := Interval(nil, Mean, 1)
	l, h := Difference(nil, []float64{1}, Mean, Level, 1)
	for name, v := range map[string]float64{"mean": Mean(nil), "quantile": Quantile(nil, 0.5), "low": low, "high": high, "l": l, "h": h} {
		if !math.IsNaN(v) {
			t.Errorf("%s of nothing is %v", name, v)
		}
	}
}

func TestQuantileIsAValueThatWasMeasured(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.2: 1, 0.5: 3, 0.99: 5, 1: 5, 2: 5} {
		if got := Quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if values[0] != 5 {
		t.Error("the caller's values were sorted")
	}
	if got := Median([]float64{9}); got != 9 {
		t.Errorf("the median of 9 is %v", got)
	}
}

func TestSameSeedSameInterval(t *testing.T) {
	values := []float64{1, 2, 3, 4, 50}
	low, high := Interval(values, Mean, 7)
	l, h := Interval(values, Mean, 7)
	if low != l || high != h {
		t.Errorf("%v … %v, then %v … %v", low, high, l, h)
	}
	if low >= high || low > Mean(values) || high < Mean(values) {
		t.Errorf("%v … %v is no interval about %v", low, high, Mean(values))
	}
	if l, h := Interval([]float64{4, 4, 4}, Mean, 7); l != 4 || h != 4 {
		t.Errorf("of what never changes: %v … %v", l, h)
	}
}

// Of 400 samples whose mean is known, the interval should miss it in some 20; with 20 values each a bootstrap misses a few more.
func TestIntervalCoversAsOftenAsItSays(t *testing.T) {
	random, missed := rand.New(rand.NewPCG(1, 2)), 0
	for trial := range uint64(400) {
		values := make([]float64, 20)
		for i := range values {
			values[i] = 10 + random.NormFloat64()
		}
		if low, high := Interval(values, Mean, trial); low > 10 || high < 10 {
			missed++
		}
	}
	if missed < 8 || missed > 44 {
		t.Errorf("missed the mean in %d of 400 samples", missed)
	}
}

func TestDifferenceTellsAChangeFromNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	around := func(mean float64) []float64 {
		values := make([]float64, 30)
		for i := range values {
			values[i] = mean + random.NormFloat64()
		}
		return values
	}
	a := around(10)
	if low, high := Difference(a, around(10), Mean, 0.999, 1); low > 0 || high < 0 {
		t.Errorf("noise seems a change: %v … %v", low, high)
	}
	low, high := Difference(a, around(12), Mean, 0.999, 1)
	if low < 0.8 || high > 3.5 || low > 2 || high < 2 {
		t.Errorf("a change by 2 is %v … %v", low, high)
	}
	if l, h := Difference(a, around(12), Mean, 0.9, 1); h-l >= high-low {
		t.Errorf("less confidence is no narrower: %v … %v", l, h)
	}
	if l, h := Difference([]float64{1, 1}, []float64{0, 0}, Mean, Level, 1); l != -1 || h != -1 {
		t.Errorf("from always to never: %v … %v", l, h)
	}
}
