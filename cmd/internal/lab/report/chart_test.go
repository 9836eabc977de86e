package report

import (
	"fmt"
	"strings"
	"testing"

	"tcpproxy/cmd/internal/lab"
)

func TestMarksThatCannotBeToldApartShareALine(t *testing.T) {
	run := &lab.Run{}
	for i := range 20 {
		run.Events = append(run.Events, lab.Event{Ms: float64(i / 5 * 10), Name: "actor-failed", Who: fmt.Sprint("a", i)})
	}
	words, at := marks(run, 4)
	if len(words) != mostMarks+1 || words[mostMarks] != "and 6 more, the last at +30 ms" {
		t.Errorf("%d events are %q", len(run.Events), words)
	}
	var labels []string
	for _, m := range at {
		labels = append(labels, fmt.Sprintf("%s at %v", m.label(), m.ms))
	}
	if got := strings.Join(labels, ", "); got != "1–5 at 0, 6–10 at 10, 11–14 at 20" {
		t.Errorf("the marks are %s", got)
	}
}

func TestTheCaptionSaysHowLongNothingCame(t *testing.T) {
	run := &lab.Run{BeforeMs: 3, Timeline: []int64{0, 0, 0, 5, 0, 0, 7, 0}, Seed: 9}
	says := caption(run, nil, 7)
	for _, want := range []string{"seed 9", "at most 7 bytes", "up to 2 milliseconds", "No supervision event"} {
		if !strings.Contains(says, want) {
			t.Errorf("no %q in %q", want, says)
		}
	}
}

// A strategy and victim of their own come before more of the same.
func TestTheTimelinesOfALargeExperiment(t *testing.T) {
	var o lab.Outcome
	for i := range 30 {
		o.Cells = append(o.Cells, lab.Cell{Strategy: fmt.Sprint("s", i/10), Traffic: fmt.Sprint("t", i%10),
			Fault: lab.Fault{Kind: "point", Point: "BeforeTheVeryLongName", Nth: 2, Times: 20, Every: lab.Duration(5e7)},
			Runs:  []lab.Run{{Lived: true, WrongAt: -1, PauseMs: 1, UndisturbedMs: 1, Timeline: []int64{1, 0, 2}, BeforeMs: 1}}})
	}
	cells := newCells(o)
	shown := timelines(cells)
	if len(shown) != mostTimelines || shown[0].Strategy != "s0" || shown[1].Strategy != "s1" || shown[2].Strategy != "s2" {
		t.Errorf("%d timelines", len(shown))
	}
	drawn, err := charts(cells, 1)
	if err != nil || len(drawn) != mostTimelines+1 {
		t.Fatalf("%d charts, %v", len(drawn), err)
	}
	if !strings.Contains(drawn[0].Caption, "the first 24 of 30 cells") {
		t.Errorf("the caption does not say that cells are missing: %s", drawn[0].Caption)
	}
}

// What a student calls a strategy must not become part of the page.
func TestNamesInAChartAreText(t *testing.T) {
	o := synthetic().Experiments[0]
	o.Cells[0].Strategy = `<script>alert("&")</script>`
	p, err := newPage(lab.Results{Experiments: []lab.Outcome{o}})
	if err != nil {
		t.Fatal(err)
	}
	html, err := renderHTML(p)
	if err != nil || strings.Contains(string(html), "<script") {
		t.Errorf("a name became an element, or %v", err)
	}
}

func TestLabelsAreBroken(t *testing.T) {
	for label, want := range map[string]string{
		"": "", "short": "short", "one two three": "one two\nthree", "longerthanaline": "longerthanaline",
	} {
		if got := wrap(label, 8); got != want {
			t.Errorf("%q is broken into %q, want %q", label, got, want)
		}
	}
}
