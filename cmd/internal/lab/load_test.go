package lab

import "testing"

func TestEmbedded(t *testing.T) {
	all, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	cells, quick := 0, 0
	for _, x := range all {
		n := len(x.Strategies) * len(x.Victims) * len(x.Faults) * len(x.Traffic)
		cells += n
		quick += n * x.Quick
	}
	t.Log(len(all), cells, quick)
}
