package lab

import "testing"

// runs are a cell's, with these pauses.
func runs(strategy string, pauses ...float64) Cell {
	c := Cell{Strategy: strategy, Victim: "session", Traffic: "upload"}
	for _, p := range pauses {
		c.Runs = append(c.Runs, Run{Lived: true, PauseMs: p, RestartsMs: []Took{{"session", p / 10}, {"client-reader", 0}}})
	}
	return c
}

// TestMeasure works figures out of runs that are easy to reckon.
func TestMeasure(t *testing.T) {
	c := runs("stop", 1, 2, 3, 4, 90)
	c.Runs = append(c.Runs, Run{Error: "it could not be", PauseMs: 1000})
	c.Runs[0].Lived, c.Runs[0].Lost, c.Runs[0].ClientSaw = false, 5, "RST"
	for name, want := range map[string]float64{
		"lived": 0.8, "lost": 1, "client_reset": 0.2, "restarts": 2, "restart_p50_ms": 0.3, "pause_p50_ms": 3, "pause_max_ms": 90,
		"pause_p99_ms": 90, "gave_up": 0, "others_hurt": 0,
	} {
		e, ok := Measure(c, name, 1)
		if !ok || !holds(e.Value, "=", want) || e.Runs != 5 || e.Low > e.Value || e.High < e.Value {
			t.Errorf("%s: %+v, want %v", name, e, want)
		}
		if again, _ := Measure(c, name, 1); again != e {
			t.Errorf("%s: %+v, then %+v", name, e, again)
		}
	}
	for _, f := range Figures {
		if _, ok := Measure(c, f.Name, 1); !ok {
			t.Errorf("%s has no value", f.Name)
		}
	}
	if _, ok := Measure(Cell{Runs: c.Runs[5:]}, "lived", 1); ok {
		t.Error("a cell without runs has a value")
	}
	if _, ok := Measure(Cell{Runs: []Run{{}}}, "restart_p50_ms", 1); ok {
		t.Error("a restart that was not has taken time")
	}
}

// TestJudge: a prediction is measured by the cell that speaks most against it.
func TestJudge(t *testing.T) {
	cells := []Cell{runs("stop", 10, 10, 10), runs("resume", 30, 30, 30), {Strategy: "escalate"}}
	for _, row := range []struct {
		claim Claim
		want  Verdict
	}{
		{Claim{Figure: "pause_max_ms", Is: "<", Value: 40}, Verdict{true, 30, 30, 30, 2, 6}},
		{Claim{Figure: "pause_max_ms", Is: "<", Value: 30}, Verdict{false, 30, 30, 30, 2, 6}},
		{Claim{Figure: "pause_max_ms", Is: "<=", Value: 30}, Verdict{true, 30, 30, 30, 2, 6}},
		{Claim{Figure: "pause_max_ms", Is: ">", Value: 20}, Verdict{false, 10, 10, 10, 2, 6}},
		{Claim{Figure: "pause_max_ms", Is: ">=", Value: 10}, Verdict{true, 10, 10, 10, 2, 6}},
		{Claim{Figure: "pause_max_ms", Is: "!=", Value: 11}, Verdict{true, 10, 10, 10, 2, 6}},
		{Claim{Figure: "pause_max_ms", Value: 10}, Verdict{false, 30, 30, 30, 2, 6}},
		{Claim{Figure: "pause_max_ms", Value: 10, Strategy: "stop"}, Verdict{true, 10, 10, 10, 1, 3}},
		{Claim{Figure: "pause_max_ms", Value: 10, Victim: "listener"}, Verdict{}},
		{Claim{Figure: "pause_max_ms", Value: 10, Strategy: "escalate"}, Verdict{}},
	} {
		got := Judge(Experiment{Predict: []Claim{row.claim}}, cells, 1)
		if len(got) != 1 || got[0] != row.want {
			t.Errorf("%+v: %+v, want %+v", row.claim, got, row.want)
		}
	}
}
