package actors

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRestartBudgetCountsWithinThePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const intensity, period = 3, time.Minute
		var b restartBudget
		fail := func() int {
			b.note(time.Now(), intensity)
			return b.recent(time.Now(), period)
		}
		for i := range 5 {
			if n := fail(); n != i+1 {
				t.Errorf("failure %d: %d are recent", i+1, n)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(period - 3*time.Second)
		if n := b.recent(time.Now(), period); n != 2 {
			t.Errorf("%d are recent when all but the last two have aged", n)
		}
		time.Sleep(period)
		if n := b.recent(time.Now(), period); n != 0 {
			t.Errorf("%d are recent after a quiet minute", n)
		}
		if n := fail(); n != 1 {
			t.Errorf("a failure after a quiet minute counts as the %dth", n)
		}
		for range 1000 {
			fail()
		}
		if keep := intensity + budgetKeeps; len(b.failures) != keep {
			t.Errorf("the budget keeps %d failures, want %d", len(b.failures), keep)
		}
		if n := b.recent(time.Now(), period); n <= intensity {
			t.Errorf("%d are recent after a thousand failures", n)
		}
	})
}
