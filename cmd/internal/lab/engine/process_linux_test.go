package engine

import (
	"testing"

	"tcpproxy/cmd/internal/lab"
	"tcpproxy/test/program"
)

// TestProcess kills the real program with -9 amid an upload, which goes on.
func TestProcess(t *testing.T) {
	binary, err := program.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	x := lab.Experiment{
		Name: "process", Victims: []string{"process"}, Faults: []lab.Fault{{Kind: "kill"}}, Traffic: []string{"upload"},
	}
	run := Run(t.Context(), []lab.Experiment{x}, Options{Repeat: 1, Program: binary}).Experiments[0].Cells[0].Runs[0]
	if run.Error != "" || !run.Lived || run.Lost+run.Repeated+run.Reordered != 0 || run.Faults != 1 || run.OthersHurt != beside ||
		len(run.RestartsMs) != 1 || run.RestartsMs[0].Ms > run.PauseMs+ms(measured) || len(run.Events) != 3 {
		t.Errorf("got %+v", run)
	}
}

// TestAProgramThatDoesNotStart says so.
func TestAProgramThatDoesNotStart(t *testing.T) {
	x := lab.Experiment{Name: "process", Victims: []string{"process"}, Faults: []lab.Fault{{Kind: "kill"}}}
	for _, path := range []string{"/bin/false", "/nonexistent"} {
		run := Run(t.Context(), []lab.Experiment{x}, Options{Repeat: 1, Program: path}).Experiments[0].Cells[0].Runs[0]
		if run.Error == "" {
			t.Errorf("%s: %+v", path, run)
		}
	}
}
