package lab

import (
	"slices"
	"testing"
)

// TestEmbedded: the experiments of the program load, say all that a report prints, and are few enough for a lecture.
func TestEmbedded(t *testing.T) {
	all, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	for _, x := range all {
		if x.Name == "strategies" && !slices.Equal(x.Strategies, (&loader{}).known()) {
			t.Errorf("the table of strategies is of %v", x.Strategies)
		}
		runs += len(x.Strategies) * len(x.Victims) * len(x.Faults) * len(x.Traffic) * x.Quick
		if x.Title == x.Name || x.Method == "" || x.Why == "" || len(x.Predict) == 0 {
			t.Errorf("%s leaves out its title, method, why or prediction", x.Name)
		}
	}
	if len(all) < 12 || runs > 240 {
		t.Errorf("%d experiments, %d quick runs", len(all), runs)
	}
}
