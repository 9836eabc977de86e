package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tcpproxy/cmd/internal/lab"
)

// changes are one for each thing that is measured, with the words of the sentences that speak of it.
var changes = []struct {
	name   string
	speaks []string
	change func(r *lab.Run)
}{
	{"lived", []string{"lived"}, func(r *lab.Run) { r.Lived = !r.Lived }},
	{"lost", []string{"lost,", "lost "}, func(r *lab.Run) { r.Lost += 5 }},
	{"repeated", []string{"repeated "}, func(r *lab.Run) { r.Repeated += 5 }},
	{"reordered", []string{"reordered "}, func(r *lab.Run) { r.Reordered += 5 }},
	{"where", []string{"wrong byte"}, func(r *lab.Run) { r.WrongAt += 7 }},
	{"pause", []string{"pause"}, func(r *lab.Run) { r.PauseMs += 7 }},
	{"undisturbed", []string{"undisturbed"}, func(r *lab.Run) { r.UndisturbedMs += 7 }},
	{"restarts", []string{"restarted in", "Nobody restarted"}, func(r *lab.Run) {
		if r.RestartsMs = r.RestartsMs[:0:0]; r.Seed%2 == 0 {
			r.RestartsMs = []lab.Took{{Who: "session", Ms: 77}}
		}
	}},
	{"running", []string{"ran again"}, func(r *lab.Run) {
		r.RestartsMs = slices.Clone(r.RestartsMs)
		for i := range r.RestartsMs {
			r.RestartsMs[i].Ms *= 3
		}
	}},
	{"before", []string{"round trips"}, func(r *lab.Run) { r.OthersBeforeMs += 9 }},
	{"during", []string{"round trips"}, func(r *lab.Run) { r.OthersDuringMs += 9 }},
	{"hurt", []string{"other session"}, func(r *lab.Run) { r.OthersHurt++ }},
	{"client", []string{"the client saw"}, func(r *lab.Run) { r.ClientSaw = "nothing" }},
	{"server", []string{"and the server"}, func(r *lab.Run) { r.ServerSaw = "nothing" }},
	{"gave up", []string{"gave up"}, func(r *lab.Run) { r.GaveUp = !r.GaveUp }},
	{"faults", []string{"faults on average"}, func(r *lab.Run) { r.Faults += 3 }},
	{"error", []string{"could not be carried out"}, func(r *lab.Run) { r.Error += "again" }},
	{"no error", []string{"No run was carried out"}, func(r *lab.Run) { r.Error = "" }},
}

// few runs are enough to change, and quicker to tell of.
const few = 8

// told are the sentences of an experiment after a change of all its runs.
func told(o lab.Outcome, change func(r *lab.Run)) []string {
	o.Cells = slices.Clone(o.Cells)
	for i := range o.Cells {
		o.Cells[i].Runs = slices.Clone(o.Cells[i].Runs[:min(few, len(o.Cells[i].Runs))])
		for j := range o.Cells[i].Runs {
			change(&o.Cells[i].Runs[j])
		}
	}
	var says []string
	for _, s := range outcome(newCells(o), 7) {
		says = append(says, s.Of+": "+s.Says)
	}
	return says
}

// No sentence is fixed text: each goes when what it speaks of changes, and then another says the new thing.
func TestEverySentenceChangesWithTheRuns(t *testing.T) {
	for _, o := range synthetic().Experiments {
		before := told(o, func(*lab.Run) {})
		if len(o.Cells) == 0 {
			continue // it says that there is nothing to say
		}
		moved := map[string]bool{}
		for _, c := range changes {
			after := told(o, c.change)
			for _, s := range before {
				if !slices.Contains(after, s) {
					moved[s] = true
					continue
				}
				speaks := slices.ContainsFunc(c.speaks, func(words string) bool { return strings.Contains(s, words) })
				if speaks && o.Cells[0].Runs[0].Error == "" && !exempt(c.name, s) {
					t.Errorf("%s: %s changed, and still it says: %s", o.Experiment.Name, c.name, s)
				}
			}
		}
		for _, s := range before {
			if !moved[s] {
				t.Errorf("%s: nothing changes this: %s", o.Experiment.Name, s)
			}
		}
	}
}

// exempt are the sentences that use the words of a change but do not depend on it.
func exempt(change, says string) bool {
	switch change {
	case "where": // of no wrong byte there is no place
		return !strings.Contains(says, "earliest wrong byte")
	case "restarts":
		return strings.Contains(says, "other session") || strings.Contains(says, "Other sessions")
	case "hurt":
		return strings.Contains(says, "round trips")
	case "no error", "error":
		return true
	}
	return false
}

func TestAnEffectIsToldFromNoise(t *testing.T) {
	o := synthetic().Experiments[0]
	o.Cells = o.Cells[:1]
	for _, c := range []struct {
		by   float64
		runs int
		says string
	}{
		{0, 8, "no pause beyond noise"}, {1, 8, "more than noise"}, {-1, 8, "shorter than the undisturbed"}, {1, 4, "too few to tell"},
	} {
		o := o
		o.Cells = slices.Clone(o.Cells)
		o.Cells[0].Runs = o.Cells[0].Runs[:c.runs]
		says := strings.Join(told(o, func(r *lab.Run) { r.PauseMs += c.by }), "\n")
		if !strings.Contains(says, c.says) {
			t.Errorf("by %v in %d runs does not say %q:\n%s", c.by, c.runs, c.says, says)
		}
	}
}

func TestCellsAreNamedByWhatTellsThemApart(t *testing.T) {
	var o lab.Outcome
	for _, strategy := range []string{"a", "b", "c"} {
		for _, traffic := range []string{"up", "down"} {
			o.Cells = append(o.Cells, lab.Cell{Strategy: strategy, Victim: "v", Traffic: traffic})
		}
	}
	all := newCells(o)
	for want, some := range map[string][]cell{
		"": all, "a": all[:2], "a and b": all[:4], "up": {all[0], all[2], all[4]}, "a · up": all[:1], "a · up and b · down": {all[0], all[3]},
	} {
		if got := names(some, all); got != want {
			t.Errorf("%d cells are called %q, want %q", len(some), got, want)
		}
	}
	if got := newCells(lab.Outcome{Cells: o.Cells[:1]})[0].label; got != "a" {
		t.Errorf("a cell alone is called %q", got)
	}
}

func TestNumbersInWords(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.8: "0.80", 0.00812: "0.0081", -0.021: "−0.021", 1.5: "1.50", 12.34: "12.3", 123.4: "123", 1234567: "1,234,567",
		-4100: "−4,100", 1e-9: "0", 999.6: "1,000", 0.9999: "1.00", 9.999: "10.0", 99.99: "100",
	} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	for want, e := range map[string]estimate{
		"–":                  {show: number},
		"3 ms (one run)":     {value: 3, low: 3, high: 3, n: 1, unit: "ms", show: number},
		"3 ms (all 9)":       {value: 3, low: 3, high: 3, n: 9, unit: "ms", show: number},
		"3 bytes (2 … 4.50)": {value: 3, low: 2, high: 4.5, n: 9, unit: "bytes", show: number},
		"50 % (25 % … 75 %)": {value: 0.5, low: 0.25, high: 0.75, n: 9, show: percent},
	} {
		if got := e.full(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := fmt.Sprint(faultWords(lab.Fault{Kind: "point", Point: "BeforeRead", Nth: 3, Times: 2, Every: lab.Duration(5e7)})); got !=
		"panic at BeforeRead, time 3 × 2 every 50ms" {
		t.Error(got)
	}
}
