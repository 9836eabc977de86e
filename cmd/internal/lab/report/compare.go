package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tcpproxy/cmd/internal/lab"
	"tcpproxy/cmd/internal/lab/stats"
)

// Compare says what changed from a to b beyond noise: of each figure of each cell that both measured, whether the interval of the
// difference holds 0. The more figures are compared, the surer each must be, so that even one false alarm is improbable (Bonferroni's
// correction).
func Compare(a, b lab.Results) string {
	c := comparison{seed: a.Seed ^ b.Seed}
	for i, r := range []lab.Results{a, b} {
		c.about = append(c.about, fmt.Sprintf("%s: %s, seed %d, %s", []string{"First", "Second"}[i], r.Command, r.Seed, r.Machine))
	}
	if a.Version != b.Version {
		c.missing = append(c.missing, fmt.Sprintf("what only one of the versions %d and %d of results.json holds", a.Version, b.Version))
	}
	c.match(a, b)
	c.compare()
	return c.String()
}

// matched are the runs of the same cell in both results.
type matched struct {
	experiment, cell string
	a, b             []lab.Run
}

type comparison struct {
	seed    uint64
	about   []string // the two
	cells   []matched
	missing []string // what only one of them has
	changed []string
	figures int // that were compared
	few     int // of them, of too few runs to tell
}

func (c *comparison) match(a, b lab.Results) {
	inB := map[string]lab.Outcome{}
	for _, o := range b.Experiments {
		inB[o.Experiment.Name] = o
	}
	for _, o := range a.Experiments {
		name := o.Experiment.Name
		other, both := inB[name]
		delete(inB, name)
		if !both {
			c.missing = append(c.missing, fmt.Sprintf("experiment %s is only in the first", name))
			continue
		}
		cellsOfB := map[string]cell{}
		for _, x := range newCells(other) {
			cellsOfB[identity(x)] = x
		}
		for _, x := range newCells(o) {
			y, both := cellsOfB[identity(x)]
			delete(cellsOfB, identity(x))
			if !both {
				c.missing = append(c.missing, fmt.Sprintf("%s, %s is only in the first", name, identity(x)))
				continue
			}
			c.cells = append(c.cells, matched{name, identity(x), x.done, y.done})
		}
		for _, x := range newCells(other) {
			if _, alone := cellsOfB[identity(x)]; alone {
				c.missing = append(c.missing, fmt.Sprintf("%s, %s is only in the second", name, identity(x)))
			}
		}
	}
	for _, o := range b.Experiments {
		if _, alone := inB[o.Experiment.Name]; alone {
			c.missing = append(c.missing, fmt.Sprintf("experiment %s is only in the second", o.Experiment.Name))
		}
	}
}

// identity is what a cell is a combination of.
func identity(c cell) string {
	return labelOf(c.Cell, subsets[len(subsets)-1])
}

// pair is a figure of a cell in both.
type pair struct {
	matched
	figure
	as, bs []float64
}

func (c *comparison) compare() {
	var pairs []pair
	for _, m := range c.cells {
		for _, f := range append(slices.Clone(compared), roleFigures(m)...) {
			p := pair{m, f, f.values(m.a), f.values(m.b)}
			switch {
			case len(p.as) == 0 || len(p.bs) == 0:
				continue
			case len(p.as) < enough || len(p.bs) < enough:
				c.few++
			default:
				pairs = append(pairs, p)
			}
		}
	}
	c.figures = len(pairs) + c.few
	level := 1 - (1-stats.Level)/math.Max(1, float64(len(pairs)))
	for _, p := range pairs {
		// The wide interval takes many samples; where not even the narrow one is clear of 0, it would be in vain.
		if low, high := stats.Difference(p.as, p.bs, p.one, stats.Level, c.seed); low <= 0 && high >= 0 {
			continue
		}
		if low, high := stats.Difference(p.as, p.bs, p.one, level, c.seed); low > 0 || high < 0 {
			c.changed = append(c.changed, p.says(low, high, c.seed))
		}
	}
}

// roleFigures are the shares of the runs in which each actor restarted.
func roleFigures(m matched) []figure {
	var figures []figure
	who, _ := restarted(append(slices.Clone(m.a), m.b...))
	for _, role := range who {
		figures = append(figures, figure{role + " restarted", "", func(r lab.Run) float64 {
			return share(slices.ContainsFunc(r.RestartsMs, func(t lab.Took) bool { return t.Who == role }))
		}, stats.Mean, percent})
	}
	return figures
}

func (p pair) says(low, high float64, seed uint64) string {
	unit := ""
	if p.unit != "" {
		unit = " " + p.unit
	}
	return fmt.Sprintf("%s, %s: %s went from %s to %s, by %s … %s%s", p.experiment, p.cell, p.name,
		p.estimate(p.a, seed).full(), p.estimate(p.b, seed).full(), p.change(low), p.change(high), unit)
}

// change is a difference as the figure is shown; one of shares in hundredths of the runs.
func (p pair) change(by float64) string {
	sign := "+"
	if by < 0 {
		sign = "−"
	}
	return sign + p.show(math.Abs(by))
}

// String is the comparison in words.
func (c *comparison) String() string {
	var out strings.Builder
	for _, line := range c.about {
		fmt.Fprintln(&out, line)
	}
	fmt.Fprintf(&out, "Compared %s of %s; %s beyond noise.\n", plural(c.figures, "figure", "figures"), plural(len(c.cells), "cell", "cells"),
		plural(len(c.changed), "change", "changes"))
	for _, line := range c.changed {
		fmt.Fprintf(&out, "  %s\n", line)
	}
	if len(c.changed) > 0 {
		fmt.Fprintf(&out, "The differences are intervals, such that all of them together hold with 95 %% confidence.\n")
	}
	if c.few > 0 {
		fmt.Fprintf(&out, "%s of fewer than %d runs: too few to tell a change from noise.\n", plural(c.few, "figure is", "figures are"), enough)
	}
	for _, line := range c.missing {
		fmt.Fprintf(&out, "Not compared: %s.\n", line)
	}
	return out.String()
}
