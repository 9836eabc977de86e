//go:build linux

package main

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// measuredBench holds two rounds of one row as a run would leave them.
func measuredBench() *bench {
	return &bench{
		rounds: 2,
		peers:  []peer{{name: ours}, {name: haproxy}},
		works:  []work{bulkWork("bulk-up-1", "up", 1, 1, 1)},
		samples: samples{
			{"bulk-up-1", ours, cpuPerGB}:       {0.2, 0.3},
			{"bulk-up-1", haproxy, cpuPerGB}:    {1.0, 1.0},
			{"bulk-up-1", ours, gbPerSecond}:    {2, math.NaN()},
			{"bulk-up-1", haproxy, gbPerSecond}: {1, 1},
		},
		failed: map[string][]int{"bulk-up-1 through haproxy failed: odd": {1, 2}},
	}
}

func TestTablesPairRounds(t *testing.T) {
	var out strings.Builder
	b := measuredBench()
	b.writeTables(&out, judge(b.samples, b.rowNames(), peerNames))
	for _, line := range []string{
		"| bulk-up-1 | CPU-s/GB | ≤ 0.25 × haproxy | 0.250 | 0.200 … 0.300 | reached |",
		"| proxy | CPU-s/GB | GB/s | resident MB | CPU-s/GB ÷ haproxy | GB/s ÷ haproxy |",
		"| tcpproxy | 0.25 | 2.00 | – | 0.25 | 2.00 |",
		"| haproxy | 1.00 | 1.00 | – | 1 | 1 |",
		"- bulk-up-1 through haproxy failed: odd (rounds 1 2)",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("missing %q in:\n%s", line, &out)
		}
	}
}

func TestChartIsDrawnFromWhatThereIs(t *testing.T) {
	if err := measuredBench().drawChart(filepath.Join(t.TempDir(), chartFile)); err != nil {
		t.Error(err)
	}
}

func TestShort(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 0.254: "0.25", 12.34: "12.3", 1234.5: "1234"} {
		if got := short(value); got != want {
			t.Errorf("short(%v) = %q, want %q", value, got, want)
		}
	}
}
