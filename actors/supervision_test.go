package actors

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoffDelayGrowsToItsCap(t *testing.T) {
	var least, most []time.Duration
	for n := 1; n <= 40; n++ {
		lo, hi := time.Hour, time.Duration(0)
		for range 1000 {
			d := backoffDelay(n)
			lo, hi = min(lo, d), max(hi, d)
		}
		least, most = append(least, lo), append(most, hi)
		nominal := min(backoffCap, backoffFirst<<min(n-1, 20))
		if lo < nominal/2 || hi > nominal {
			t.Errorf("failure %d: delays from %v to %v, want them within %v to %v", n, lo, hi, nominal/2, nominal)
		}
		if hi-lo < nominal/4 {
			t.Errorf("failure %d: delays from %v to %v: too little jitter to keep sessions apart", n, lo, hi)
		}
	}
	if !slices.IsSortedFunc(most[:7], func(a, b time.Duration) int { return int(a - b) }) {
		t.Errorf("the delays do not grow: %v", most[:7])
	}
	if most[39] > backoffCap || least[39] < backoffCap/2 {
		t.Errorf("the fortieth delay lies between %v and %v", least[39], most[39])
	}
	if d := backoffDelay(0); d <= 0 || d > backoffFirst { // the failures may have aged meanwhile
		t.Errorf("without a recent failure: %v", d)
	}
}

func TestLedgerToleratesSoManyWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{cfg: Config{MaxRestarts: 3, Within: time.Minute}}
		var l ledger
		for i := range 3 {
			if !l.tolerates(h) {
				t.Errorf("failure %d is not tolerated", i+1)
			}
			time.Sleep(time.Second)
		}
		if l.tolerates(h) {
			t.Error("failure 4 is tolerated")
		}
		if l.tolerates(h) {
			t.Error("failure 5 is tolerated")
		}
		time.Sleep(time.Minute)
		if n := l.recent(h); n != 0 {
			t.Errorf("%d recent failures after a quiet minute", n)
		}
		if !l.tolerates(h) {
			t.Error("a failure after a quiet minute is not tolerated")
		}
		for range 1000 {
			l.tolerates(h)
		}
		if len(l.times) > 4 {
			t.Errorf("the ledger keeps %d failures, more than it needs", len(l.times))
		}
	})
}

func TestStrategyNames(t *testing.T) {
	for _, name := range SupervisionStrategies() {
		if s, err := strategyNamed(name); err != nil || s.name != name {
			t.Errorf("%s: %v, %v", name, s.name, err)
		}
	}
	_, err := strategyNamed("hope")
	if err == nil {
		t.Fatal("an unknown name is accepted")
	}
	for _, name := range SupervisionStrategies() {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}
