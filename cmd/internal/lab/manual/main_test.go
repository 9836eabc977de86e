package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tcpproxy/cmd/internal/lab"
)

// run is a run of which there is little to say.
func run(lived bool, lost int64, who ...string) lab.Run {
	r := lab.Run{
		Lived: lived, Lost: lost, WrongAt: -1, PauseMs: 2, UndisturbedMs: 1, BeforeMs: 1, Timeline: []int64{5, 0, 5},
		ClientSaw: "FIN", ServerSaw: "FIN",
	}
	if !lived {
		r.ClientSaw, r.ServerSaw = "RST", "RST"
	}
	for _, w := range who {
		r.RestartsMs = append(r.RestartsMs, lab.Took{Who: w, Ms: 1})
	}
	return r
}

func cell(strategy, victim, traffic string, runs ...lab.Run) lab.Cell {
	return lab.Cell{Strategy: strategy, Victim: victim, Traffic: traffic, Fault: lab.Fault{Kind: "panic"}, Runs: runs}
}

func outcome(name string, cells ...lab.Cell) lab.Outcome {
	return lab.Outcome{
		Experiment: lab.Experiment{Name: name, Question: "Is it so?"}, Cells: cells, Verdicts: []lab.Verdict{{Holds: true}, {}},
	}
}

// TestFill: what was measured gets to its places in copies of the documentation, and twice is as once.
func TestFill(t *testing.T) {
	broken := lab.Run{Error: "no connection"}
	results := lab.Results{Version: lab.ResultsVersion, Machine: "a machine", Experiments: []lab.Outcome{
		outcome("naive", cell("naive", "client-reader", "upload", run(true, 7, "client-reader"))),
		outcome("poisoned", cell("backoff", "client-reader", "upload", run(false, 0, "client-reader"))),
		outcome("strategies",
			cell("one-for-one", "client-reader", "upload", run(true, 0, "client-reader"), run(true, 0, "client-reader"), broken),
			cell("rest-for-one", "client-reader", "upload", run(true, 0, "client-reader", "server-writer", "server-reader", "client-writer")),
			cell("resume", "client-reader", "upload", run(true, 0), run(false, 0)),
			cell("stop", "client-reader", "upload", run(false, 0)),
			cell("naive", "client-reader", "upload", run(true, 7, "client-reader"), run(true, 9, "client-reader"))),
		outcome("process",
			cell("one-for-one", "process", "ping-pong", broken),
			cell("one-for-one", "process", "upload", run(true, 0, "process"))),
	}}
	top := t.TempDir()
	if err := os.MkdirAll(filepath.Join(top, "test", "lab"), 0o755); err != nil {
		t.Fatal(err)
	}
	pages := []string{"README.md", filepath.Join("test", "lab", "README.md")}
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join("../../../..", page))
		if err == nil {
			err = os.WriteFile(filepath.Join(top, page), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(top, "results.json")
	fillAgain := func() (texts [2]string) {
		text, err := json.Marshal(results)
		if err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err == nil {
			err = fill(file, top)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, page := range pages {
			text, err := os.ReadFile(filepath.Join(top, page))
			if err != nil {
				t.Fatal(err)
			}
			texts[i] = string(text)
		}
		return texts
	}
	first := fillAgain()
	if second := fillAgain(); first != second {
		t.Error("the second time says something else than the first")
	}
	for i, rows := range [][]string{{
		"| `one-for-one` | restart that child; its siblings are untouched | that child | lives (2 of 2) | 0 | 2.0 ms (2.0 … 2.0); 1.0 ms |",
		"| `rest-for-one` | restart that child and those started after it | all four | lives (1 of 1) | 0 | 2.0 ms (2.0 … 2.0); 1.0 ms |",
		"| `resume` | let the same incarnation go on | nobody | lives in 1 of 2 | 0 | 2.0 ms (2.0 … 2.0); 1.0 ms |",
		"| `stop` | reset the session | nobody | both sides are reset (1 of 1) | ends there |  |",
		"| that child | lives (2 of 2) | 8 lost | 2.0 ms (2.0 … 2.0); 1.0 ms |",
		"| its holder goes on in its place | everybody, over the same sockets | lives (1 of 1) | 0 | 2.0 ms (2.0 … 2.0); 1.0 ms |",
	}, {
		"\n11 runs of 9 cells on a machine",
		"| `strategies` | Is it so? | 1 of 2 | 6 of 8 | naive: 8 a run | 2.0 ms (2.0 … 2.0) to 2.0 ms (2.0 … 2.0) |",
		"| `poisoned` | Is it so? | 1 of 2 | 0 of 1 | 0 | the connection ends |",
		"](pauses.svg)", "](naive.svg)", "](poisoned.svg)",
	}} {
		for _, row := range rows {
			if !strings.Contains(first[i], row) {
				t.Errorf("%s does not say %q", pages[i], row)
			}
		}
	}
	if t.Failed() {
		t.Log(first[0][strings.Index(first[0], "<!-- s"):strings.Index(first[0], "<!-- strategies: end")])
		t.Log(first[1][strings.Index(first[1], "<!-- t"):strings.Index(first[1], "<!-- figures: end")])
	}
	results.Experiments = results.Experiments[:2]
	if text, err := json.Marshal(results); err != nil || os.WriteFile(file, text, 0o600) != nil || fill(file, top) == nil {
		t.Error("half a run was taken for the whole set")
	}
}
