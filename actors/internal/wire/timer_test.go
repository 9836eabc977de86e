package wire

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// alarm is a timer of the test below, and what a naive model knows of it.
type alarm struct {
	timer Timer
	armed bool
	due   time.Duration
	loop  *Loop
	t     *rapid.T
	again time.Duration // what it arms itself for when it runs; 0 = nothing
	stops *alarm        // which timer it disarms when it runs, if any
}

// Run implements Runner.
func (a *alarm) Run() {
	now := a.loop.Since()
	switch {
	case !a.armed:
		a.t.Fatalf("an unarmed timer ran at %v", now)
	case now < a.due:
		a.t.Fatalf("due at %v, ran at %v", a.due, now)
	}
	a.armed = false
	if a.stops != nil {
		a.stops.disarm()
		a.stops = nil
	}
	if a.again > 0 {
		a.arm(a.again)
		a.again = 0
	}
}

func (a *alarm) arm(d time.Duration) {
	a.loop.Arm(&a.timer, d, a)
	a.armed, a.due = true, a.loop.Since()+d
}

func (a *alarm) disarm() {
	a.loop.Disarm(&a.timer)
	a.armed = false
}

// newTimers is a loop that has timers only, on the clock of a synctest bubble: it stands still unless the test sleeps.
func newTimers() *Loop {
	l := &Loop{start: time.Now()}
	l.wheel.init()
	return l
}

// TestWheel compares the wheel with a list of deadlines.
func TestWheel(t *testing.T) {
	const lap = wheelSize * tick
	synctest.Test(t, func(t *testing.T) {
		timeless := struct{ rapid.TB }{t} // rapid would ask for the test's deadline, which a bubble does not have
		rapid.Check(timeless, func(t *rapid.T) {
			l := newTimers()
			alarms := make([]*alarm, 8)
			for i := range alarms {
				alarms[i] = &alarm{loop: l, t: t}
			}
			one := func(t *rapid.T) *alarm { return alarms[rapid.IntRange(0, len(alarms)-1).Draw(t, "timer")] }
			far := rapid.OneOf(
				rapid.Int64Range(0, int64(3*tick)), rapid.Int64Range(0, int64(lap)),
				rapid.Int64Range(int64(lap-2*tick), int64(lap+2*tick)), rapid.Int64Range(0, int64(3*lap)))
			draw := func(t *rapid.T, what string) time.Duration { return time.Duration(far.Draw(t, what)) }
			advance := func(t *rapid.T) {
				l.now = int64(l.Since())
				l.wheel.advance(l.now)
				for _, a := range alarms {
					if a.armed && a.due+tick <= l.Since() {
						t.Fatalf("due at %v, has not run at %v", a.due, l.Since())
					}
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"arm":    func(t *rapid.T) { one(t).arm(draw(t, "for")) },
				"disarm": func(t *rapid.T) { one(t).disarm() },
				"chain":  func(t *rapid.T) { one(t).again = draw(t, "again after") },
				"oppose": func(t *rapid.T) { one(t).stops = one(t) },
				"jump": func(t *rapid.T) { // the process was busy, or stopped
					time.Sleep(draw(t, "by"))
					advance(t)
				},
				"sleep": func(t *rapid.T) { // the loop sleeps as long as it may
					d := l.wheel.until(int64(l.Since()))
					earliest := time.Duration(-1)
					for _, a := range alarms {
						if a.armed && (earliest < 0 || a.due < earliest) {
							earliest = a.due
						}
					}
					if earliest < 0 {
						if d >= 0 {
							t.Fatalf("nothing to wait for, and the loop would sleep %v", d)
						}
						return
					}
					if d < 0 || l.Since()+d > max(earliest, l.Since())+tick {
						t.Fatalf("now %v, the first is due at %v: the loop would sleep %v", l.Since(), earliest, d)
					}
					time.Sleep(d)
					advance(t)
				},
			})
		})
	})
}

// TestTimersSleepSoundly has a loop with one far deadline wake up for it, and hardly before: a wheel that said "now" would spin.
func TestTimersSleepSoundly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTimers()
		fired := false
		var far, gone Timer
		l.Arm(&gone, time.Second, alarmed(func() { t.Error("a disarmed timer ran") }))
		l.Arm(&far, time.Minute, alarmed(func() { fired = true }))
		l.Disarm(&gone)
		laps := int(time.Minute/(wheelSize*tick)) + 1
		for wakes := 0; !fired; wakes++ {
			if wakes > laps+1 { // one for each lap, and one for the place where the disarmed one stood
				t.Fatalf("woken %d times in %v", wakes, l.Since())
			}
			time.Sleep(l.wheel.until(int64(l.Since())))
			l.wheel.advance(int64(l.Since()))
		}
	})
}

// TestLongestDuration arms a timer for as long as a duration can say, some time after the loop began: it is not due, now or ever, and
// does not keep the loop awake.
func TestLongestDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - time.Hour, 2562047*time.Hour + 47*time.Minute + 16*time.Second} {
			l := newTimers()
			time.Sleep(2 * time.Hour)
			l.wheel.advance(int64(l.Since()))
			var never Timer
			l.Arm(&never, d, alarmed(func() { t.Errorf("armed for %v, it ran after %v", d, l.Since()-2*time.Hour) }))
			for range 3 {
				sleep := l.wheel.until(int64(l.Since()))
				if sleep < time.Second {
					t.Fatalf("armed for %v, the loop sleeps %v", d, sleep)
				}
				time.Sleep(sleep)
				l.wheel.advance(int64(l.Since()))
			}
		}
	})
}

// alarmed is a function as a Runner.
type alarmed func()

// Run implements Runner.
func (f alarmed) Run() { f() }
