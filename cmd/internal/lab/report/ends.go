package report

import (
	"fmt"
	"slices"
	"strings"

	"tcpproxy/cmd/internal/lab"
	"tcpproxy/cmd/internal/lab/stats"
)

// roles are the actors of the tree in its order, with the process that they live in before them.
var roles = []string{"process", "listener", "acceptor", "session", "client-reader", "server-writer", "server-reader", "client-writer"}

// restarted is the number of runs in which each restarted. Roles that nobody knows come after those of the tree.
func restarted(runs []lab.Run) (who []string, n map[string]int) {
	n = map[string]int{}
	for _, r := range runs {
		var seen []string
		for _, t := range r.RestartsMs {
			if !slices.Contains(seen, t.Who) {
				seen = append(seen, t.Who)
				n[t.Who]++
			}
		}
	}
	who = slices.Clone(roles)
	var others []string
	for role := range n {
		if !slices.Contains(roles, role) {
			others = append(others, role)
		}
	}
	slices.Sort(others)
	return append(who, others...), n
}

// whoKey is the same for cells where the same actors restarted in all of the runs, in some, and in none.
func whoKey(c cell) string {
	who, n := restarted(c.done)
	var key []string
	for _, role := range who {
		key = append(key, role+":"+extent(n[role], len(c.done), fmt.Sprintf("%d/%d", n[role], len(c.done))))
	}
	return strings.Join(key, " ")
}

func (t *teller) tellRestarts() {
	for _, g := range group(t.told, whoKey) {
		runs := runsOf(g)
		who, n := restarted(runs)
		var always, at, never []string
		for _, role := range who {
			switch {
			case n[role] == len(runs):
				always = append(always, role)
			case n[role] > 0:
				at = append(at, fmt.Sprintf("%s in %s", role, ofAll(n[role], len(runs))))
			case role != "process": // of which nobody wonders whether it did
				never = append(never, role)
			}
		}
		var parts []string
		if len(always) > 0 {
			parts = append(parts, fmt.Sprintf("%s restarted in %s runs", list(always), ofAll(len(runs), len(runs))))
		}
		if len(at) > 0 {
			parts = append(parts, "in some runs restarted "+list(at))
		}
		switch {
		case len(parts) == 0:
			t.say(g, "nobody restarted (%s runs).", ofAll(0, len(runs)))
			continue
		case len(never) > 0:
			parts = append(parts, fmt.Sprintf("%s did not (%s)", list(never), ofAll(0, len(runs))))
		}
		t.say(g, "%s. Restarts in a run, on average: %s.", strings.Join(parts, "; "), restarts.estimate(runs, t.seed))
	}
}

func (t *teller) tellRunning() {
	var took []cell
	for _, c := range t.told {
		if running.estimate(c.done, t.seed).n > 0 {
			took = append(took, c)
		}
	}
	if len(took) > 0 {
		t.say(took, "from its failure until it ran again, the slowest actor of a run took, in the median, %s.",
			t.span(took, running))
	}
}

func (t *teller) tellOthers() {
	beside := func(c cell) bool {
		return len(othersDuring.values(c.done)) > 0 || len(hurt.values(c.done)) > 0 && anyHurt(c.done) > 0
	}
	watched := slices.DeleteFunc(slices.Clone(t.told), func(c cell) bool { return !beside(c) })
	for _, g := range group(watched, func(c cell) string { return extent(anyHurt(c.done), len(c.done), c.label) }) {
		runs := runsOf(g)
		if n := anyHurt(runs); n == 0 {
			t.say(g, "no other session ended or restarted (%s runs).", ofAll(0, len(runs)))
		} else {
			t.say(g, "other sessions ended, or their actors restarted, in %s runs: %s a run.", ofAll(n, len(runs)),
				hurt.estimate(runs, t.seed))
		}
	}
	for _, g := range group(watched, func(c cell) string { return fmt.Sprint(slower(c, t.seed)) }) {
		each := fmt.Sprintf("%s around the fault; before it %s", t.span(g, othersDuring), t.span(g, othersBefore))
		switch slower(g[0], t.seed) {
		case 1:
			t.say(g, "the other sessions' round trips were slower than noise explains: p99 %s.", each)
		case -1:
			t.say(g, "the other sessions' round trips were quicker around the fault: p99 %s.", each)
		case 0:
			t.say(g, "the other sessions' round trips changed by no more than noise: p99 %s.", each)
		case tooFew:
			t.say(g, "the other sessions' round trips, of runs too few to tell an effect from noise: p99 %s.", each)
		}
	}
}

func anyHurt(runs []lab.Run) int {
	return count(runs, func(r lab.Run) bool { return r.OthersHurt > 0 })
}

const tooFew = 2

// slower is 1 if the others were slower around the fault, -1 if quicker, 0 if neither beyond noise.
func slower(c cell, seed uint64) int {
	switch e := othersAdded.estimate(c.done, seed); {
	case e.n < enough:
		return tooFew
	case !e.beyondNoise():
		return 0
	case e.low > 0:
		return 1
	}
	return -1
}

func (t *teller) tellPeers() {
	for _, g := range group(t.told, func(c cell) string {
		return sawWords(c.done, false, clientSaw) + "/" + sawWords(c.done, false, serverSaw)
	}) {
		runs := runsOf(g)
		t.say(g, "at the end the client saw %s runs, and the server %s.", sawWords(runs, true, clientSaw), sawWords(runs, true, serverSaw))
	}
}

func clientSaw(r lab.Run) string { return orNothing(r.ClientSaw) }
func serverSaw(r lab.Run) string { return orNothing(r.ServerSaw) }

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// sawWords is what was seen, each with its count; without counts if all saw the same and those are not asked for.
func sawWords(runs []lab.Run, counted bool, of func(lab.Run) string) string {
	seen := map[string]int{}
	for _, r := range runs {
		seen[of(r)]++
	}
	var words []string
	for what, n := range seen {
		if len(seen) == 1 && !counted {
			return what
		}
		words = append(words, fmt.Sprintf("%s in %s", what, ofAll(n, len(runs))))
	}
	slices.Sort(words)
	return list(words)
}

func (t *teller) tellSurrender() {
	didGiveUp := func(r lab.Run) bool { return r.GaveUp }
	for _, g := range group(t.told, func(c cell) string { return extent(count(c.done, didGiveUp), len(c.done), c.label) }) {
		runs := runsOf(g)
		n := count(runs, didGiveUp)
		if n == 0 {
			t.say(g, "no supervisor gave up (%s runs).", ofAll(0, len(runs)))
			continue
		}
		var spent []float64
		for _, r := range runs {
			if r.GaveUp {
				spent = append(spent, float64(r.Faults))
			}
		}
		low, high := stats.Interval(spent, stats.Mean, t.seed)
		e := estimate{stats.Mean(spent), low, high, len(spent), "", number}
		t.say(g, "the supervisor gave up in %s runs, after %s faults on average.", ofAll(n, len(runs)), e)
	}
}
