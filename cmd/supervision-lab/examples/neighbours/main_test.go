package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"tcpproxy/cmd/internal/lab"
	"tcpproxy/cmd/internal/lab/command"
)

// TestNeighbours measures the strategy as the command does, and finds what it was written for.
func TestNeighbours(t *testing.T) {
	out := t.TempDir()
	if code := command.Main([]string{"run", "--repeat", "1", "--out", out, "experiments.yaml"}, neighbours); code != 0 {
		t.Fatalf("it ended with %d", code)
	}
	text, err := os.ReadFile(filepath.Join(out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r lab.Results
	if err := json.Unmarshal(text, &r); err != nil || len(r.Experiments) != 1 {
		t.Fatalf("%d experiments, %v", len(r.Experiments), err)
	}
	x := r.Experiments[0]
	for i, v := range x.Verdicts {
		if !v.Holds {
			t.Errorf("%s It was %v.", x.Experiment.Predict[i].Says, v.Measured)
		}
	}
	for _, c := range x.Cells {
		for _, run := range c.Runs {
			if run.Error != "" {
				t.Errorf("%s, %s: %s", c.Strategy, c.Victim, run.Error)
			}
		}
	}
}
