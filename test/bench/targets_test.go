//go:build linux

package main

import (
	"math"
	"testing"
)

func TestJudge(t *testing.T) {
	nan := math.NaN()
	measured := samples{
		// A quarter of HAProxy's in the middle round of each pair.
		{"bulk-up-1", ours, cpuPerGB}:    {0.2, 0.3, nan},
		{"bulk-up-1", haproxy, cpuPerGB}: {0.9, 1.1, 0.8},
		{"bulk-up-1", ioCopy, cpuPerGB}:  {0.1, 0.2, 0.3},
		{"start", ours, startMillis}:     {60, 20, 40},
		// A fiftieth more than ours.
		{"bulk-up-1", oursSurviving, cpuPerGB}: {0.204, 0.306, nan},
	}
	verdicts := judge(measured, []string{"bulk-up-1", "start"}, peerNames)
	want := map[string]bool{haproxy: true, ioCopy: false, wireOnly: false, "": true, ours: true}
	if len(verdicts) != len(want) {
		t.Fatalf("%d verdicts, want %d: %+v", len(verdicts), len(want), verdicts)
	}
	for _, v := range verdicts {
		if v.reached != want[v.against] {
			t.Errorf("%s against %q: reached is %v (median %v)", v.row, v.against, v.reached, v.median)
		}
	}
	if n := missed(verdicts); n != 2 {
		t.Errorf("missed = %d, want 2", n)
	}
}

func TestNotAskedForIsNotJudged(t *testing.T) {
	for _, v := range judge(samples{}, []string{"rtt-64"}, []string{ours, haproxy}) {
		if v.against != haproxy {
			t.Errorf("judged against %q, which did not take part by choice", v.against)
		}
	}
}

func TestUnmeasuredIsMissed(t *testing.T) {
	for _, v := range judge(samples{}, []string{"idle-8000"}, peerNames) {
		if v.reached || v.outcome() != "**missed**: not measured" {
			t.Errorf("%s %s without figures: %s", v.row, v.metric, v.outcome())
		}
	}
}

func TestEveryTargetIsMeasured(t *testing.T) {
	given := map[string]map[metric]bool{}
	for _, w := range allWorks() {
		for _, row := range w.rows {
			given[row.name] = map[metric]bool{}
			for _, m := range row.metrics {
				given[row.name][m] = true
			}
			for _, m := range row.ratios {
				if !given[row.name][m] {
					t.Errorf("%s compares %s without showing it", row.name, m)
				}
			}
		}
	}
	for _, target := range targets {
		if !given[target.row][target.metric] {
			t.Errorf("no work measures %s of %s", target.metric, target.row)
		}
	}
	for _, bar := range chartBars {
		if !given[bar.row][bar.metric] {
			t.Errorf("the chart draws %s of %s, which nothing measures", bar.metric, bar.row)
		}
	}
}
