package test

import (
	"maps"
	"slices"

	"tcpproxy/actors"
)

// What each strategy must do, worked out from what it promises and not from how it is written.

// limit is Config.MaxRestarts in the table.
const limit = 4

// answer is how a proxy answers the failure of one actor, n times: who restarts how often, and whether the connection lives.
func answer(strategy, victim string, n int, stopped bool) (restarts map[string]int, lives bool) {
	restarts = map[string]int{}
	crew := func(n int) {
		for _, c := range children {
			restarts[c] = n
		}
	}
	switch {
	case n > limit:
		n, lives = min(n-1, limit), false
	default:
		lives = true
	}
	if n < 0 {
		n = 0
	}
	if victim == "" {
		if n > 0 {
			restarts[""] = n
			crew(n)
		}
		return restarts, lives
	}
	switch strategy {
	case "one-for-one", "backoff":
		restarts[victim] = n
	case "all-for-one":
		crew(n)
	case "rest-for-one":
		for _, c := range children[slices.Index(children, victim):] {
			restarts[c] = n
		}
	case "resume":
		if stopped { // there is nobody to resume
			restarts[victim] = n
		}
	case "stop":
		lives = false
	case "escalate":
		restarts[""] = n
		crew(n)
	}
	maps.DeleteFunc(restarts, func(_ string, n int) bool { return n == 0 })
	return restarts, lives
}

// expect corrects what to expect of a fault in the middle of a message. exact: these restarts, no fewer.
func (w row) expect(strategy string, want map[string]int, lives bool) (map[string]int, bool, bool) {
	switch w.point {
	case actors.PointRestarting, actors.PointStopping, actors.PointStopped:
		// The actor is on its way out in any case: a fault there changes nothing.
		if w.also {
			return want, lives, true
		}
		return map[string]int{}, true, true
	case actors.PointConnect, actors.PointConnected:
		return map[string]int{"": 1}, true, true // there are no children yet
	case actors.PointStarted:
		if w.also {
			if strategy == "resume" && w.victim != "" {
				return want, lives, true // nobody starts again
			}
			again, lives := answer(strategy, w.victim, 2, false)
			if w.victim == "" { // it died before it had children
				again = maps.Clone(want)
				again[""]++
			}
			return again, lives, strategy != "backoff" // a child that is not needed may come back too late
		}
		if w.victim == "" {
			return map[string]int{"": 1}, true, true
		}
		return want, lives, strategy != "backoff"
	case actors.PointAfterShutdown:
		// After the second FIN the session has nothing left to do, and may be gone before anybody is restarted.
		return want, lives, false
	}
	return want, lives, true
}

// within reports whether nobody restarted more often than wanted.
func within(got, want map[string]int) bool {
	for who, n := range got {
		if n > want[who] {
			return false
		}
	}
	return true
}
