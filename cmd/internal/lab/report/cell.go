package report

import (
	"fmt"
	"slices"
	"strings"

	"tcpproxy/cmd/internal/lab"
)

// cell is a cell with its runs told apart.
type cell struct {
	lab.Cell
	label  string    // what tells it from the other cells of its experiment
	done   []lab.Run // that were carried out
	failed []lab.Run // that could not be
}

// dimensions are what a cell is a combination of.
var dimensions = []struct {
	name string
	of   func(c lab.Cell) string
}{
	{"strategy", func(c lab.Cell) string { return c.Strategy }},
	{"victim", func(c lab.Cell) string { return c.Victim }},
	{"fault", func(c lab.Cell) string { return faultWords(c.Fault) }},
	{"traffic", func(c lab.Cell) string { return c.Traffic }},
}

// telling are the fewest dimensions that tell all cells apart; the strategy if there is but one cell, all if some are twice there.
func telling(cells []lab.Cell) []func(c lab.Cell) string {
	best := subsets[len(subsets)-1]
	for _, of := range subsets {
		labels := map[string]bool{}
		for _, c := range cells {
			labels[labelOf(c, of)] = true
		}
		if len(labels) == len(cells) && len(of) < len(best) {
			best = of
		}
	}
	return best
}

// subsets are all that can be chosen of the dimensions; the last is all of them.
var subsets = func() (all [][]func(c lab.Cell) string) {
	for set := 1; set < 1<<len(dimensions); set++ {
		var of []func(c lab.Cell) string
		for i, d := range dimensions {
			if set>>i&1 == 1 {
				of = append(of, d.of)
			}
		}
		all = append(all, of)
	}
	return all
}()

func labelOf(c lab.Cell, of []func(c lab.Cell) string) string {
	var words []string
	for _, of := range of {
		words = append(words, of(c))
	}
	return strings.Join(words, " · ")
}

// newCells labels the cells by what tells them apart.
func newCells(o lab.Outcome) []cell {
	of := telling(o.Cells)
	var cells []cell
	for _, c := range o.Cells {
		labelled := cell{Cell: c, label: labelOf(c, of)}
		for _, r := range c.Runs {
			if r.Error != "" {
				labelled.failed = append(labelled.failed, r)
			} else {
				labelled.done = append(labelled.done, r)
			}
		}
		cells = append(cells, labelled)
	}
	return cells
}

// faultWords says a fault in a few words.
func faultWords(f lab.Fault) string {
	words := f.Kind
	switch f.Kind {
	case "kill":
		words = "kill -9"
	case "point":
		words = "panic at " + f.Point
		if f.Nth > 1 {
			words += fmt.Sprintf(", time %d", f.Nth)
		}
	}
	if f.Times > 1 {
		words += fmt.Sprintf(" × %d", f.Times)
	}
	if f.Every > 0 {
		words += " every " + durationWords(f.Every)
	}
	return words
}

// names are what to call some of the cells: nothing if they are all, and otherwise the shortest of what is true of them and of no
// other, such as a strategy if they are all cells of it.
func names(some, all []cell) string {
	if len(some) == len(all) {
		return ""
	}
	var labels []string
	for _, c := range some {
		labels = append(labels, c.label)
	}
	best := shortList(labels, "cells")
	for _, of := range subsets {
		var values []string
		for _, c := range some {
			if v := labelOf(c.Cell, of); !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		n := 0
		for _, c := range all {
			if slices.Contains(values, labelOf(c.Cell, of)) {
				n++
			}
		}
		if called := list(values); n == len(some) && len(values) <= longest && len(called) < len(best) {
			best = called
		}
	}
	return best
}

// runsOf are all runs of some cells that were carried out.
func runsOf(cells []cell) []lab.Run {
	var runs []lab.Run
	for _, c := range cells {
		runs = append(runs, c.done...)
	}
	return runs
}

// count is how many of the runs are so.
func count(runs []lab.Run, so func(r lab.Run) bool) int {
	n := 0
	for _, r := range runs {
		if so(r) {
			n++
		}
	}
	return n
}

// group puts cells of which the same is to be said together, in order of appearance.
func group(cells []cell, key func(c cell) string) [][]cell {
	var groups [][]cell
	at := map[string]int{}
	for _, c := range cells {
		k := key(c)
		i, known := at[k]
		if !known {
			i, at[k] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}
