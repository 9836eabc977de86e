package report

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"

	"tcpproxy/cmd/internal/lab"
)

// Write leaves report.html, report.md, results.json and results.csv in a directory, which it makes if need be. What was interrupted
// is reported as far as it went.
func Write(dir string, r lab.Results) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a report is there to be read
		return err
	}
	p, drawn := newPage(r)
	html, rendered := renderHTML(p)
	numbers, encoded := json.Marshal(finite(r))
	// What can be written is written, so that the measurement is not lost if a chart fails.
	failures := []error{drawn, rendered, encoded}
	for _, f := range []struct {
		name string
		body []byte
	}{
		{"results.json", append(numbers, '\n')},
		{"results.csv", renderCSV(r)},
		{"report.md", renderMarkdown(p)},
		{"report.html", html},
	} {
		failures = append(failures, os.WriteFile(filepath.Join(dir, f.name), f.body, 0o644)) //nolint:gosec // the same
	}
	return errors.Join(failures...)
}

// finite replaces what JSON cannot say. A verdict about no runs may measure "not a number"; its Runs are 0.
func finite(r lab.Results) lab.Results {
	r.Experiments = slices.Clone(r.Experiments)
	for i := range r.Experiments {
		verdicts := slices.Clone(r.Experiments[i].Verdicts)
		for j := range verdicts {
			for _, v := range []*float64{&verdicts[j].Measured, &verdicts[j].Low, &verdicts[j].High} {
				if math.IsNaN(*v) || math.IsInf(*v, 0) {
					*v = 0
				}
			}
		}
		r.Experiments[i].Verdicts = verdicts
	}
	return r
}
