package report

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tcpproxy/cmd/internal/lab"
)

// changed are the results with every run of the first experiment's first cell changed.
func changed(change func(r *lab.Run)) lab.Results {
	r := synthetic()
	r.Experiments = r.Experiments[:1]
	runs := r.Experiments[0].Cells[0].Runs
	for i := range runs {
		change(&runs[i])
	}
	return r
}

func TestTheSameIsNoChange(t *testing.T) {
	if says := Compare(synthetic(), synthetic()); !strings.Contains(says, "; 0 changes beyond noise") {
		t.Error(says)
	}
}

func TestNoiseIsNoChange(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	again := synthetic()
	for _, o := range again.Experiments {
		for _, c := range o.Cells {
			random.Shuffle(len(c.Runs), func(i, j int) { c.Runs[i], c.Runs[j] = c.Runs[j], c.Runs[i] })
			for i := range c.Runs {
				c.Runs[i].PauseMs *= 0.98 + 0.04*random.Float64()
				c.Runs[i].OthersBeforeMs *= 0.98 + 0.04*random.Float64()
			}
		}
	}
	if says := Compare(synthetic(), again); !strings.Contains(says, "; 0 changes beyond noise") {
		t.Error(says)
	}
}

func TestAChangeIsNamed(t *testing.T) {
	for want, change := range map[string]func(r *lab.Run){
		"pause went from 1.17 ms":                        func(r *lab.Run) { r.PauseMs += 2 },
		"bytes lost went from 0 bytes (all 20) to":       func(r *lab.Run) { r.Lost += int64(r.Seed) },
		"lived went from 100 % (all 20) to 0 % (all 20)": func(r *lab.Run) { r.Lived = false },
		"session restarted went from 0 % (all 20) to 100 % (all 20), by +100 % … +100 %": func(r *lab.Run) {
			r.RestartsMs = append(r.RestartsMs, lab.Took{Who: "session"})
		},
		"others hurt went from 0 (all 20) to 1 (all 20), by +1 … +1": func(r *lab.Run) { r.OthersHurt = 1 },
	} {
		says := Compare(synthetic(), changed(change))
		if !strings.Contains(says, "who-pays, one-for-one · client-reader · panic · upload: "+want) {
			t.Errorf("no %q in:\n%s", want, says)
		}
		if strings.Contains(says, "all-for-one") {
			t.Errorf("another cell changed as well:\n%s", says)
		}
	}
}

func TestWhatIsNotComparedIsSaid(t *testing.T) {
	a, b := synthetic(), synthetic()
	a.Experiments = a.Experiments[:2]
	a.Experiments[0].Cells = a.Experiments[0].Cells[1:]
	b.Experiments = slices.Delete(b.Experiments, 1, 2)
	b.Experiments[0].Cells[1].Runs = b.Experiments[0].Cells[1].Runs[:3]
	says := Compare(a, b)
	for _, want := range []string{
		"who-pays, one-for-one · client-reader · panic · upload is only in the second", "experiment naive is only in the first",
		"experiment storm is only in the second", "of fewer than 5 runs",
	} {
		if !strings.Contains(says, want) {
			t.Errorf("no %q in:\n%s", want, says)
		}
	}
	if says := Compare(lab.Results{}, lab.Results{}); !strings.Contains(says, "0 figures of 0 cells") {
		t.Error(says)
	}
}
