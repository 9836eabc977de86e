package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tcpproxy/cmd/internal/lab"
)

// sentence is something that came out, and the cells that it is true of; no names are all of them.
type sentence struct {
	Of   string
	Says string
}

// teller makes the sentences of an experiment.
type teller struct {
	all  []cell // every cell
	told []cell // those with runs to tell of
	seed uint64
	says []sentence
}

// outcome says in words what came of the cells.
func outcome(cells []cell, seed uint64) []sentence {
	t := &teller{all: cells, seed: seed}
	t.told = slices.DeleteFunc(slices.Clone(cells), func(c cell) bool { return len(c.done) == 0 })
	t.tellFailures()
	if len(t.told) == 0 {
		return append(t.says, sentence{Says: "No run was carried out, so nothing was measured."})
	}
	t.tellLives()
	t.tellBytes()
	t.tellPauses()
	t.tellRestarts()
	t.tellRunning()
	t.tellOthers()
	t.tellPeers()
	t.tellSurrender()
	return t.says
}

func (t *teller) say(of []cell, format string, args ...any) {
	t.says = append(t.says, sentence{names(of, t.all), upper(fmt.Sprintf(format, args...))})
}

func (t *teller) tellFailures() {
	var failed []lab.Run
	all := 0
	var of []cell
	for _, c := range t.all {
		all += len(c.Runs)
		failed = append(failed, c.failed...)
		if len(c.failed) > 0 {
			of = append(of, c)
		}
	}
	if len(failed) > 0 {
		t.says = append(t.says, sentence{names(of, t.all), fmt.Sprintf(
			"%s runs could not be carried out, and nothing here counts them; the first (seed %d): %s.",
			ofAll(len(failed), all), failed[0].Seed, strings.TrimRight(failed[0].Error, "."))})
	}
}

func (t *teller) tellLives() {
	isAlive := func(r lab.Run) bool { return r.Lived }
	for _, g := range group(t.told, func(c cell) string { return extent(count(c.done, isAlive), len(c.done), c.label) }) {
		runs := runsOf(g)
		n := count(runs, isAlive)
		switch of := ofAll(n, len(runs)); n {
		case len(runs):
			t.say(g, "every connection lived on to its ordinary end (%s).", of)
		case 0:
			t.say(g, "no connection lived (%s).", of)
		default:
			t.say(g, "%s connections lived.", of)
		}
	}
}

// extent is the same for cells where all, or none, of the runs are so; where some are, the cell stands for itself.
func extent(n, all int, label string) string {
	switch n {
	case 0:
		return "none"
	case all:
		return "all"
	}
	return label
}

func wrong(r lab.Run) bool { return r.Lost > 0 || r.Repeated > 0 || r.Reordered > 0 || r.WrongAt >= 0 }

func (t *teller) tellBytes() {
	for _, g := range group(t.told, func(c cell) string {
		if count(c.done, wrong) == 0 {
			return fmt.Sprint("none", lived.one(lived.values(c.done)) == 1)
		}
		return c.label
	}) {
		runs := runsOf(g)
		n := count(runs, wrong)
		if n == 0 && lived.one(lived.values(runs)) < 1 {
			t.say(g, "of connections that did not all live, what arrived was right: no byte in it was lost, repeated or reordered (%s runs).",
				ofAll(0, len(runs)))
			continue
		}
		if n == 0 {
			t.say(g, "no byte was lost, repeated or reordered (%s runs).", ofAll(0, len(runs)))
			continue
		}
		var kinds []string
		for _, f := range []figure{lost, repeated, reordered} {
			e := f.estimate(runs, t.seed)
			kinds = append(kinds, strings.TrimPrefix(f.name, "bytes ")+" "+e.String())
		}
		first := ""
		if at := firstWrong(runs); at >= 0 {
			first = fmt.Sprintf("; the earliest wrong byte was at %s", number(float64(at)))
		}
		t.say(g, "bytes were wrong in %s runs. On average a run had %s bytes%s.", ofAll(n, len(runs)), list(kinds), first)
	}
}

// firstWrong is the earliest place where a byte was wrong, or -1.
func firstWrong(runs []lab.Run) int64 {
	first := int64(-1)
	for _, r := range runs {
		if r.WrongAt >= 0 && (first < 0 || r.WrongAt < first) {
			first = r.WrongAt
		}
	}
	return first
}

func (t *teller) tellPauses() {
	for _, g := range group(t.told, func(c cell) string {
		switch e := added.estimate(c.done, t.seed); {
		case e.n == 0:
			return "dead"
		case e.n < enough:
			return "few"
		case !e.beyondNoise():
			return "noise"
		case e.low > 0:
			return "longer"
		}
		return "shorter"
	}) {
		e := added.estimate(g[0].done, t.seed)
		each := fmt.Sprintf("%s; undisturbed %s; the difference %s", t.span(g, pause), t.span(g, undisturbed), t.span(g, added))
		switch {
		case e.n == 0: // told already: none lived
		case e.n < enough:
			t.say(g, "the peer's pause, of runs too few to tell an effect from noise, was in the median %s.", each)
		case !e.beyondNoise():
			t.say(g, "the peer saw no pause beyond noise. The median was %s.", each)
		case e.low > 0:
			t.say(g, "the peer saw a pause that is more than noise. The median was %s.", each)
		default:
			t.say(g, "the peer's pause around the fault was shorter than the undisturbed one. The median was %s.", each)
		}
	}
}

// span is a figure of each of two cells, or of the two ends of many.
func (t *teller) span(g []cell, f figure) string {
	if len(g) == 1 {
		return f.estimate(g[0].done, t.seed).full()
	}
	ends := slices.Clone(g)
	value := func(c cell) float64 { return f.one(f.values(c.done)) }
	slices.SortStableFunc(ends, func(a, b cell) int { return cmp.Compare(value(a), value(b)) })
	least, most := ends[0], ends[len(ends)-1]
	low, high := f.estimate(least.done, t.seed).full(), f.estimate(most.done, t.seed).full()
	if low == high {
		return low + " with each"
	}
	return fmt.Sprintf("from %s with %s to %s with %s", low, least.label, high, most.label)
}
