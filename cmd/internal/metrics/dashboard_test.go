package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dashboard is what of Grafana's format is looked at.
type dashboard struct {
	Title  string
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ H, W, X, Y int }
		Targets []struct{ Expr, LegendFormat string }
	}
	Templating struct {
		List []struct {
			Name  string
			Query any
		}
	}
	Annotations struct {
		List []struct{ Expr, TextFormat string }
	}
}

// query is what the dashboard asks of Prometheus, and the names of labels that it shows of the answer.
type query struct{ where, expr, legend string }

// queries are all that the dashboard asks.
func (d dashboard) queries() (all []query) {
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			all = append(all, query{p.Title, t.Expr, t.LegendFormat})
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, query{"an annotation", a.Expr, a.TextFormat})
	}
	for _, v := range d.Templating.List {
		if q, ok := v.Query.(map[string]any); ok {
			expr, _ := q["query"].(string)
			all = append(all, query{"variable " + v.Name, expr, ""})
		}
	}
	return all
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	duration   = regexp.MustCompile(`\[[^\]]*\]`)
	identifier = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	selection  = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}`)
	grouping   = regexp.MustCompile(`\bby \(([^)]*)\)`)
	shown      = regexp.MustCompile(`\{\{([^}]*)\}\}`)
)

// language are the words of Prometheus's and Grafana's own that the dashboard may use.
var language = []string{"sum", "max", "by", "rate", "increase", "changes", "histogram_quantile", "or", "vector", "label_values"}

// fromOutside are the labels that Prometheus adds.
var fromOutside = []string{"instance", "job"}

// TestDashboardNamesOnlyWhatExists: a metric or a label that is none would leave a panel empty, and nobody would know why.
func TestDashboardNamesOnlyWhatExists(t *testing.T) {
	labels := labelsOf(t)
	all := readDashboard(t).queries()
	if len(all) < 20 {
		t.Fatalf("%d queries: the dashboard is not read as it should be", len(all))
	}
	for _, q := range all {
		for _, complaint := range check(q, labels) {
			t.Errorf("%s: %s: %s", q.where, q.expr, complaint)
		}
	}
}

// check returns what is wrong with a query.
func check(q query, labels map[string]map[string]bool) (complaints []string) {
	expr := duration.ReplaceAllString(quoted.ReplaceAllString(q.expr, ""), "")
	var metrics, groups []string
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		groups = append(groups, identifier.FindAllString(g[1], -1)...)
	}
	rest := grouping.ReplaceAllString(expr, "")
	has := func(metric, label string) bool { return labels[metric][label] || slices.Contains(fromOutside, label) }
	for _, s := range selection.FindAllStringSubmatch(rest, -1) {
		for _, l := range identifier.FindAllString(s[2], -1) {
			if !has(s[1], l) {
				complaints = append(complaints, s[1]+" has no label "+l)
			}
		}
	}
	for _, word := range identifier.FindAllString(regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(rest, ""), -1) {
		_, exists := labels[word]
		switch {
		case exists:
			metrics = append(metrics, word)
		case !slices.Contains(language, word) && !slices.Contains(fromOutside, word):
			complaints = append(complaints, "there is no "+word)
		}
	}
	if len(metrics) == 0 {
		complaints = append(complaints, "it asks for no metric")
	}
	for _, m := range metrics {
		for _, l := range groups {
			if !has(m, l) {
				complaints = append(complaints, m+" has no label "+l)
			}
		}
		for _, l := range shown.FindAllStringSubmatch(q.legend, -1) {
			lost := strings.Contains(expr, "sum") && !slices.Contains(groups, l[1])
			if !has(m, l[1]) || lost {
				complaints = append(complaints, "the legend shows "+l[1]+", which the answer does not have")
			}
		}
	}
	return complaints
}

// TestCheckFinds what it is there for.
func TestCheckFinds(t *testing.T) {
	labels := map[string]map[string]bool{"a_total": {"kind": true}}
	for expr, fine := range map[string]bool{
		`sum by (kind) (rate(a_total{kind="x", instance=~"$instance"}[$__rate_interval])) > 0`: true,
		`sum by (kind) (rate(b_total{kind="x"}[1m]))`:                                          false,
		`sum by (kind) (rate(a_total{sort="x"}[1m]))`:                                          false,
		`sum by (sort) (rate(a_total{kind="x"}[1m]))`:                                          false,
		`sum(rate(a_total[1m]))`:                                                               false, // the legend shows a label that is gone
		`a_total`:                                                                              true,
		`vector(0)`:                                                                            false,
		`guess(a_total)`:                                                                       false,
	} {
		if complaints := check(query{"", expr, "{{kind}}"}, labels); (len(complaints) == 0) != fine {
			t.Errorf("%s: %q", expr, complaints)
		}
	}
}

// TestDashboardShowsEverything: every metric is drawn, and no panel lies over another.
func TestDashboardShowsEverything(t *testing.T) {
	d := readDashboard(t)
	asked := ""
	for _, q := range d.queries() {
		asked += q.expr + "\n"
	}
	for _, f := range families {
		if !regexp.MustCompile(`\b` + prefix + f.name + `(_bucket)?\b`).MatchString(asked) {
			t.Errorf("%s is not drawn", f.name)
		}
	}
	ids := map[int]bool{}
	for i, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || (p.Type != "row" && len(p.Targets) == 0) {
			t.Errorf("panel %d (%s) has no number of its own, no title, or asks nothing", p.ID, p.Title)
		}
		ids[p.ID] = true
		a := p.GridPos
		if a.X+a.W > 24 || a.W < 1 || a.H < 1 {
			t.Errorf("%s stands outside: %+v", p.Title, a)
		}
		for _, q := range d.Panels[:i] {
			b := q.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s lies over %s", p.Title, q.Title)
			}
		}
	}
}
