//go:build linux

package main

import (
	"slices"
	"testing"
)

func TestOptionsChooseWorks(t *testing.T) {
	for _, c := range []struct {
		options options
		want    []string // nil: refused
	}{
		{options{Rounds: 5, Work: "rtt"}, []string{"rtt-1", "rtt-64", "rtt-1000"}},
		{options{Rounds: 5, Work: "idle|churn"}, []string{"churn", "idle"}},
		{options{Rounds: 5, Quick: true}, []string{"bulk-up-1", "bulk-down-1", "rtt-1", "rtt-64"}},
		{options{Rounds: 5, Work: "nothing"}, nil},
		{options{Rounds: 5, Work: "("}, nil},
		{options{Rounds: 0}, nil},
		{options{Rounds: 5, Peers: []string{"squid"}}, nil},
		{options{Rounds: 5, Quick: true, Work: "rtt"}, nil},
	} {
		works, err := c.options.complete()
		var got []string
		for _, w := range works {
			got = append(got, w.name)
		}
		if (err != nil) != (c.want == nil) || !slices.Equal(got, c.want) {
			t.Errorf("%+v chooses %v, %v; want %v", c.options, got, err, c.want)
		}
	}
}
