package conformance

import (
	"encoding/json"
	"io"
)

type jsonRun struct {
	Command string `json:"command"`
	Seed    uint64 `json:"seed"`
	Rule    string `json:"timeout_rule"`
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Skipped int    `json:"skipped"`
	// NotClaimed counts the cases about what the forwarder does not promise; they are in none of the other sums.
	NotClaimed int        `json:"not_claimed"`
	Cases      []jsonCase `json:"cases"`
}

type jsonCase struct {
	Phase    int      `json:"phase"`
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Sends    string   `json:"sends"`
	Expects  string   `json:"expects"`
	Why      string   `json:"why"`
	Source   string   `json:"source,omitempty"`
	Verdict  Verdict  `json:"verdict"`
	Seconds  float64  `json:"seconds"`
	Expected string   `json:"expected,omitempty"`
	Came     string   `json:"came,omitempty"`
	Skipped  string   `json:"skipped,omitempty"` // why it was not run
	Alone    string   `json:"alone"`
	Measured []string `json:"measured,omitempty"`
}

// WriteJSON writes the results for programs.
func WriteJSON(out io.Writer, opts *Options, results []Result) error {
	count := Count(results)
	run := jsonRun{
		Command: opts.Command.Text, Seed: opts.Seed, Rule: "none",
		Passed: count[Passed], Failed: count[Failed], Skipped: count[Skipped], NotClaimed: count[NotClaimed], Cases: []jsonCase{},
	}
	if opts.Rule > 0 {
		run.Rule = opts.Rule.String()
	}
	for _, r := range results {
		c := jsonCase{
			Phase: r.Phase, Name: r.Name, Title: r.Title, Sends: r.Sends, Expects: r.Expects, Why: r.Why, Source: r.Source,
			Verdict: r.Verdict, Seconds: r.Took.Seconds(), Expected: r.Expected, Alone: opts.Alone(r.Case), Measured: r.Notes,
		}
		if r.Verdict == Skipped || r.Verdict == NotClaimed {
			c.Skipped = r.Came
		} else {
			c.Came = r.Came
		}
		run.Cases = append(run.Cases, c)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(run)
}
