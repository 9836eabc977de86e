package engine

import (
	"math"
	"slices"
	"sync"
	"time"

	"gonum.org/v1/gonum/stat"
)

// clock counts from the beginning of a run. It is monotonic, as everything that measures a pause must be.
type clock struct{ began time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) now() time.Duration { return time.Since(c.began) }

// arrival is that n bytes came.
type arrival struct {
	at time.Duration
	n  int
}

// meter notes when bytes arrive.
type meter struct {
	clock clock
	mu    sync.Mutex
	all   []arrival
}

// add notes n bytes that came just now; 0 begins a new pause.
func (m *meter) add(n int) {
	m.mu.Lock()
	m.all = append(m.all, arrival{m.clock.now(), n})
	m.mu.Unlock()
}

// pause is the longest time without a byte, of those that reach into the time from one moment to another. A pause that had begun before
// counts from its beginning; one that goes on counts up to the last moment.
func (m *meter) pause(from, to time.Duration) (longest time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := from
	for _, a := range m.all {
		if a.at > to {
			break
		}
		if a.at > from {
			longest = max(longest, a.at-last)
		}
		last = a.at
	}
	return max(longest, to-last)
}

// timeline is how many bytes came in each millisecond from one moment to another.
func (m *meter) timeline(from, to time.Duration) []int64 {
	line := make([]int64, max(0, int((to-from+time.Millisecond-1)/time.Millisecond)))
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.all {
		if i := int(math.Floor(float64(a.at-from) / float64(time.Millisecond))); i >= 0 && i < len(line) {
			line[i] += int64(a.n)
		}
	}
	return line
}

// trips notes how long round trips took, and when they ended.
type trips struct {
	mu  sync.Mutex
	all []trip
}

type trip struct{ at, took time.Duration }

func (t *trips) add(at, took time.Duration) {
	t.mu.Lock()
	t.all = append(t.all, trip{at, took})
	t.mu.Unlock()
}

// p99 is of the trips that were under way at some time from one moment to another; 0 if there were none.
func (t *trips) p99(from, to time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []float64
	for _, trip := range t.all {
		if trip.at > from && trip.at-trip.took < to {
			all = append(all, float64(trip.took))
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return time.Duration(stat.Quantile(0.99, stat.LinInterp, all, nil))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// resumed is when a pause was last begun by add(0).
func (m *meter) resumed() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.all) - 1; i >= 0; i-- {
		if m.all[i].n == 0 {
			return m.all[i].at
		}
	}
	return 0
}

// since reports whether a trip has begun after a moment, and is over.
func (t *trips) since(moment time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.all)
	return n > 0 && t.all[n-1].at-t.all[n-1].took > moment
}
