package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"math"
	"regexp"
	"strconv"
	"strings"

	"tcpproxy/cmd/internal/lab"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// page is a report, before it is HTML or Markdown.
type page struct {
	Command     string
	Seed        uint64
	Began       string
	Took        string
	Machine     string
	Interrupted bool
	Runs        string // how many, and how many of them could not be carried out
	Tally       string // of the predictions
	Wrong       int    // predictions that were contradicted
	Sections    []section
	Columns     []csvColumn
	CSS         template.CSS
}

// section is what there is to say of an experiment.
type section struct {
	ID          string
	Title       string
	Question    string
	Method      string
	Why         string
	Setting     string
	Predictions []prediction
	Outcome     []sentence
	Tables      []table
	Trees       []tree
	Charts      []chart
}

// Contradicted counts the predictions that were.
func (s section) Contradicted() int {
	n := 0
	for _, p := range s.Predictions {
		if p.Verdict == contradicted {
			n++
		}
	}
	return n
}

// State is what became of its predictions, in a few words.
func (s section) State() string {
	if len(s.Predictions) == 0 {
		return "no prediction"
	}
	n := map[string]int{}
	for _, p := range s.Predictions {
		n[p.Verdict]++
	}
	var words []string
	for _, verdict := range []string{held, contradicted, untested} {
		if n[verdict] > 0 {
			words = append(words, ofAll(n[verdict], len(s.Predictions))+" "+verdict)
		}
	}
	return strings.Join(words, ", ")
}

// HowToRead explains the figures.
func (page) HowToRead() string { return howToRead }

const howToRead = "How to read the figures: a figure is followed by the interval in which it lies with 95 % confidence (a bootstrap over " +
	"the runs, drawn by the seed), or by (all n) if it was the same in each of n runs. p50 is the median, p99 the 99th percentile; of " +
	"fewer than a hundred runs p99 is near the largest. More than noise means that the interval of the difference does not hold 0, of " +
	"five runs at least. Runs that could not be carried out are counted apart, and in no figure."

const (
	held         = "held"
	contradicted = "contradicted"
	untested     = "not tested"
)

// prediction is a claim with what became of it.
type prediction struct {
	Says    string
	Claim   string // the same as it was measured
	Verdict string // held, contradicted, not tested
	Against string // what was measured
}

// newPage makes all that a report says. A chart that cannot be drawn is left out, and is the error.
func newPage(r lab.Results) (page, error) {
	p := page{
		Command: r.Command, Seed: r.Seed, Began: r.Began.UTC().Format("2006-01-02 15:04:05 UTC"), Took: durationWords(r.Took),
		Machine: r.Machine, Interrupted: r.Interrupted, Columns: csvColumns,
		CSS: template.CSS(pageCSS), //nolint:gosec // it is part of the program
	}
	runs, failed, cellsInAll := 0, 0, 0
	verdicts := map[string]int{}
	var failures []error
	for i, o := range r.Experiments {
		cells := newCells(o)
		s, err := newSection(o, cells, r.Seed)
		s.ID = fmt.Sprintf("experiment-%d", i+1)
		failures = append(failures, err)
		cellsInAll += len(cells)
		for _, c := range cells {
			runs, failed = runs+len(c.Runs), failed+len(c.failed)
		}
		for _, told := range s.Predictions {
			verdicts[told.Verdict]++
		}
		p.Sections = append(p.Sections, s)
	}
	p.Wrong = verdicts[contradicted]
	p.Runs = fmt.Sprintf("%s of %s in %s, of which %s could not be carried out", plural(runs, "run", "runs"),
		plural(cellsInAll, "cell", "cells"), plural(len(r.Experiments), "experiment", "experiments"), ofAll(failed, runs))
	p.Tally = fmt.Sprintf("%s predictions held, %s contradicted", ofAll(verdicts[held], verdicts[held]+p.Wrong), number(float64(p.Wrong)))
	if len(verdicts) == 0 {
		p.Tally = "nothing was predicted"
	}
	if n := verdicts[untested]; n > 0 {
		p.Tally += fmt.Sprintf(", %d not tested", n)
	}
	return p, errors.Join(failures...)
}

func newSection(o lab.Outcome, cells []cell, seed uint64) (section, error) {
	e := o.Experiment
	s := section{Title: e.Title, Question: e.Question, Method: e.Method, Why: e.Why, Setting: setting(e),
		Outcome: outcome(cells, seed), Trees: trees(cells)}
	if s.Title == "" {
		s.Title = e.Name
	}
	if len(cells) > 0 {
		s.Tables = tables(cells, seed)
	}
	for i, claim := range e.Predict {
		var v *lab.Verdict
		if i < len(o.Verdicts) {
			v = &o.Verdicts[i]
		}
		s.Predictions = append(s.Predictions, newPrediction(claim, v))
	}
	var err error
	s.Charts, err = charts(cells, seed)
	return s, err
}

// setting is how the proxy was set, where the experiment says so.
func setting(e lab.Experiment) string {
	parts := []string{"Name: " + e.Name}
	if e.Session != "" {
		parts = append(parts, "session supervision: "+e.Session)
	}
	if e.MaxRestarts > 0 {
		parts = append(parts, fmt.Sprintf("intensity: %d restarts", e.MaxRestarts))
	}
	if e.Within > 0 {
		parts = append(parts, "period: "+durationWords(e.Within))
	}
	return strings.Join(parts, " · ")
}

func newPrediction(c lab.Claim, v *lab.Verdict) prediction {
	about := ""
	for _, of := range []string{c.Strategy, c.Victim, c.Traffic} {
		if of != "" {
			about += " · " + of
		}
	}
	if about == "" {
		about = " in every cell"
	} else {
		about = " of " + strings.TrimPrefix(about, " · ")
	}
	p := prediction{Says: c.Says, Claim: fmt.Sprintf("%s%s %s %s", c.Figure, about, c.Is,
		strconv.FormatFloat(c.Value, 'f', -1, 64)), Verdict: untested}
	switch {
	case v == nil:
		p.Against = "It was not got to."
		return p
	case v.Cells == 0 || v.Runs == 0 || math.IsNaN(v.Measured):
		p.Against = "No run speaks of it (0 cells, 0 runs)."
		return p
	case v.Holds:
		p.Verdict = held
	default:
		p.Verdict = contradicted
	}
	e := estimate{v.Measured, v.Low, v.High, v.Runs, "", number}
	p.Against = fmt.Sprintf("Measured: %s, in the worst of %s with %s.", e, plural(v.Cells, "cell", "cells"), plural(v.Runs, "run", "runs"))
	if v.Low < c.Value && c.Value < v.High && strings.ContainsAny(c.Is, "<>") {
		p.Against += " The interval reaches across the bound: another measurement may say otherwise."
	}
	return p
}

var form = template.Must(template.New("page").Funcs(template.FuncMap{"tight": tight}).Parse(pageHTML))

var (
	interval = regexp.MustCompile(`\([^()]*\)`)
	counting = regexp.MustCompile(`[0-9] (of [0-9]|ms)`)
)

// tight keeps an interval, a count and a unit from being broken over two lines.
func tight(s string) string {
	s = interval.ReplaceAllStringFunc(s, func(in string) string {
		if len(in) > 40 || !strings.ContainsAny(in, "0123456789") {
			return in
		}
		return strings.ReplaceAll(in, " ", "\u00a0")
	})
	return counting.ReplaceAllStringFunc(s, func(in string) string { return strings.ReplaceAll(in, " ", "\u00a0") })
}

func renderHTML(p page) ([]byte, error) {
	var out bytes.Buffer
	err := form.Execute(&out, p)
	return out.Bytes(), err
}
