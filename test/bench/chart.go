//go:build linux

package main

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"tcpproxy/test/bench/internal/stat"
)

const chartFile = "RESULTS.svg"

// chartBars are the figures drawn: what each kind of work costs.
var chartBars = []struct {
	label  string
	row    string
	metric metric
}{
	{"bulk up 1\nCPU", "bulk-up-1", cpuPerGB},
	{"bulk down 4\nCPU", "bulk-down-4", cpuPerGB},
	{"rtt 1\nCPU", "rtt-1", cpuPerTrip},
	{"rtt 64\nCPU", "rtt-64", cpuPerTrip},
	{"rtt 1,000\nCPU", "rtt-1000", cpuPerTrip},
	{"session\nCPU", "churn", cpuPerVisit},
	{"idle 8,000\nmemory", "idle-8000", resident},
	{"fairness\np99", "fair", p99},
}

// chartColors are told apart in print and by colour-blind readers (Okabe and
// Ito's palette).
var chartColors = map[string]color.Color{
	ours:          color.RGBA{0x00, 0x72, 0xb2, 0xff},
	oursTwoLoops:  color.RGBA{0x56, 0x96, 0xd2, 0xff},
	oursSurviving: color.RGBA{0x9a, 0xc4, 0xec, 0xff},
	wireOnly:      color.RGBA{0x56, 0xb4, 0xe9, 0xff},
	haproxySplice: color.RGBA{0xf0, 0xe4, 0x42, 0xff},
	nginx:         color.RGBA{0x00, 0x9e, 0x73, 0xff},
	ioCopy:        color.RGBA{0xd5, 0x5e, 0x00, 0xff},
}

// drawChart draws each proxy's cost relative to HAProxy's, which is the line
// at 1.
func (b *bench) drawChart(path string) error {
	p := plot.New()
	p.Title.Text = "Cost relative to HAProxy (lower is better)"
	p.Y.Label.Text = "× HAProxy"
	p.Y.Min = 0
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(2)

	drawn := slices.DeleteFunc(slices.Clone(b.peers), func(p peer) bool { return p.name == haproxy })
	width := vg.Points(60 / float64(max(len(drawn), 1)))
	for i, peer := range drawn {
		bars, err := plotter.NewBarChart(b.bars(peer.name), width)
		if err != nil {
			return err
		}
		bars.Color, bars.LineStyle.Width = chartColors[peer.name], 0
		bars.Offset = width * vg.Length(float64(i)-float64(len(drawn)-1)/2)
		p.Add(bars)
		p.Legend.Add(peer.name, bars)
	}
	level, err := plotter.NewLine(plotter.XYs{{X: -0.5, Y: 1}, {X: float64(len(chartBars)) - 0.5, Y: 1}})
	if err != nil {
		return err
	}
	level.Width = vg.Points(1.5)
	p.Add(level)
	p.Legend.Add(haproxy, level)

	labels := make([]string, len(chartBars))
	for i, bar := range chartBars {
		labels[i] = bar.label
	}
	p.NominalX(labels...)
	p.X.Max = float64(len(chartBars)) + 0.5 // room for the legend
	return p.Save(11*vg.Inch, 5*vg.Inch, path)
}

// bars are a proxy's heights; what was not measured has none.
func (b *bench) bars(name string) plotter.Values {
	heights := make(plotter.Values, len(chartBars))
	for i, bar := range chartBars {
		ratios := stat.Ratios(
			b.samples[cell{bar.row, name, bar.metric}],
			b.samples[cell{bar.row, haproxy, bar.metric}],
		)
		if ratio := stat.Median(ratios); !math.IsNaN(ratio) {
			heights[i] = ratio
		}
	}
	return heights
}
