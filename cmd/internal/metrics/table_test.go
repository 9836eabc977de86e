package metrics

import (
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestConventions: names, units and types are as Prometheus's own linter wants them.
func TestConventions(t *testing.T) {
	problems, err := testutil.GatherAndLint(whole(t).registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// whole are metrics with a value in every family.
func whole(t *testing.T) *Metrics {
	t.Helper()
	nought := func() uint64 { return 0 }
	m := New(Config{EventsDropped: nought, LogLinesDropped: nought})
	m.Serve(fakeThatAnswers)
	storm(m, 1)
	return m
}

// row is a family's line in the README.
func row(f family) string {
	kind := map[bool]string{true: "counter", false: "gauge"}[f.kind == counter]
	if f.buckets != nil {
		kind = "histogram"
	}
	labels := ""
	if len(f.labels) > 0 {
		labels = "`" + strings.Join(f.labels, "`, `") + "`"
	}
	return "| `" + prefix + f.name + "` | " + kind + " | " + labels + " | " + f.help + " |\n"
}

// TestReadmeListsTheMetrics: the table is the code's, line by line.
func TestReadmeListsTheMetrics(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	table := ""
	for _, f := range families {
		table += row(f)
	}
	if !strings.Contains(string(text), table) {
		t.Errorf("the README's table should be:\n%s", table)
	}
	if n := strings.Count(string(text), "\n| `"+prefix); n != len(families) {
		t.Errorf("the README has rows for %d metrics, and there are %d", n, len(families))
	}
}

// TestEveryFamilyHasValues, with exactly the labels that the table says; the histograms' buckets aside.
func TestEveryFamilyHasValues(t *testing.T) {
	labels := labelsOf(t)
	for _, f := range families {
		got, ok := labels[prefix+f.name]
		if !ok {
			t.Errorf("%s has no value", f.name)
		}
		for _, l := range f.labels {
			if !got[l] {
				t.Errorf("%s has no label %s", f.name, l)
			}
		}
		if len(got) != len(f.labels) {
			t.Errorf("%s has the labels %v", f.name, got)
		}
	}
}

// labelsOf are the labels of every metric that is served, by the names that queries use.
func labelsOf(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all, err := whole(t).registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]map[string]bool{}
	for _, f := range all {
		names := map[string]bool{}
		for _, p := range f.GetMetric()[0].GetLabel() {
			names[p.GetName()] = true
		}
		labels[f.GetName()] = names
		if f.GetMetric()[0].GetHistogram() != nil {
			labels[f.GetName()+"_count"], labels[f.GetName()+"_sum"] = names, names
			labels[f.GetName()+"_bucket"] = map[string]bool{"le": true}
		}
	}
	return labels
}
