package report

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is a plot with what stands below it.
type chart struct {
	SVG     template.HTML
	Legend  []key
	Caption string
	Marks   []string // what the numbers in it stand for
}

// key is what a sign in a chart stands for. It is said below the chart, where it hides nothing.
type key struct{ Sign, Color, Name string }

// Colours that colour-blind readers tell apart (Okabe and Ito's). Shapes, dashes and numbers say the same in grey.
var (
	blue  = color.RGBA{0x00, 0x72, 0xb2, 0xff}
	red   = color.RGBA{0xd5, 0x5e, 0x00, 0xff}
	black = color.RGBA{0x1c, 0x24, 0x29, 0xff}
	faint = color.RGBA{0xd9, 0xde, 0xe2, 0xff}
)

const (
	chartWide   = vg.Length(390) // points; 520 pixels
	mostRows    = 24             // cells that a chart shows
	mostPauses  = "Pause that the receiving peer saw"
	mostInWords = "The chart shows the first %d of %d cells."
)

// charts are the plots of an experiment. What cannot be drawn is left out, and is the error.
func charts(cells []cell, seed uint64) ([]chart, error) {
	var drawn []chart
	var failures []error
	keep := func(c *chart, err error) {
		failures = append(failures, err)
		if c != nil && err == nil {
			drawn = append(drawn, *c)
		}
	}
	keep(pauseChart(cells, seed))
	keep(bytesChart(cells, seed))
	for _, c := range timelines(cells) {
		keep(timeline(c))
	}
	return drawn, errors.Join(failures...)
}

// newPlot has the look of all charts.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(6)
	for _, f := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font,
		&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font} {
		f.Variant, f.Size = "Sans", vg.Points(9)
	}
	p.Title.TextStyle.Font.Size = vg.Points(11)
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks{}, ticks{}
	return p
}

// svg is the plot as an element of the page.
func svg(p *plot.Plot, tall vg.Length) (template.HTML, error) {
	c := vgsvg.New(chartWide, tall)
	p.Draw(draw.Crop(draw.New(c), vg.Points(2), -vg.Points(14), 0, 0)) // the label at the right end needs some room
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		return "", err
	}
	at := bytes.Index(out.Bytes(), []byte("<svg")) // after what only a file of its own begins with
	if at < 0 {
		return "", errors.New("a chart without a picture")
	}
	return template.HTML(out.Bytes()[at:]), nil //nolint:gosec // the canvas escapes what it writes; a test looks
}

// ticks are the usual ones, with numbers written as in the rest of the report.
type ticks struct{}

// Ticks is the form in which the plot asks for them.
func (ticks) Ticks(from, to float64) []plot.Tick {
	all := plot.DefaultTicks{}.Ticks(from, to)
	for i, t := range all {
		if t.Label != "" {
			all[i].Label = number(math.Round(t.Value*1e6) / 1e6)
		}
	}
	return all
}

// spread is a figure of many cells, a row each, with intervals.
type spread struct {
	name  string
	color color.RGBA
	shape draw.GlyphDrawer
	sign  string
	of    func(c cell) estimate
}

func pauseChart(cells []cell, seed uint64) (*chart, error) {
	return rows(cells, mostPauses, "milliseconds", []spread{
		{"around the fault, p50", blue, draw.CircleGlyph{}, "●", func(c cell) estimate { return pause.estimate(c.done, seed) }},
		{"around the fault, p99", red, draw.PyramidGlyph{}, "▲", func(c cell) estimate { return pause.quantile(c.done, seed, 0.99) }},
		{"undisturbed, p50", black, draw.SquareGlyph{}, "□", func(c cell) estimate { return undisturbed.estimate(c.done, seed) }},
	})
}

// bytesChart is only drawn where bytes were wrong.
func bytesChart(cells []cell, seed uint64) (*chart, error) {
	if !slices.ContainsFunc(cells, func(c cell) bool { return count(c.done, wrong) > 0 }) {
		return nil, nil
	}
	return rows(cells, "Bytes that went wrong, mean of a run", "bytes", []spread{
		{"lost", red, draw.CircleGlyph{}, "●", func(c cell) estimate { return lost.estimate(c.done, seed) }},
		{"repeated", blue, draw.PyramidGlyph{}, "▲", func(c cell) estimate { return repeated.estimate(c.done, seed) }},
		{"reordered", black, draw.SquareGlyph{}, "□", func(c cell) estimate { return reordered.estimate(c.done, seed) }},
	})
}

// rows draws cells from top to bottom. It is nil if none has anything to show.
func rows(cells []cell, title, unit string, spreads []spread) (*chart, error) {
	shown := cells[:min(len(cells), mostRows)]
	p := newPlot(title+", with 95 % intervals", unit, "")
	var legend []key
	least, largest := math.Inf(1), math.Inf(-1)
	for i, s := range spreads {
		points := &intervals{}
		for row, c := range shown {
			e := s.of(c)
			if e.n == 0 {
				continue
			}
			points.XYs = append(points.XYs, plotter.XY{X: e.value, Y: float64(len(shown)-1-row) + 0.2*float64(1-i)})
			points.low, points.high = append(points.low, e.value-e.low), append(points.high, e.high-e.value)
			least, largest = min(least, e.low), max(largest, e.high)
		}
		if len(points.XYs) == 0 {
			continue
		}
		if err := points.addTo(p, s); err != nil {
			return nil, err
		}
		legend = append(legend, key{s.sign, fmt.Sprintf("#%02x%02x%02x", s.color.R, s.color.G, s.color.B), s.name})
	}
	if math.IsInf(least, 1) {
		return nil, nil
	}
	labels, lines := make([]string, len(shown)), 0
	for i, c := range shown {
		label := wrap(c.label, 30)
		labels[len(shown)-1-i], lines = label, max(lines, 1+strings.Count(label, "\n"))
	}
	p.NominalY(labels...)
	p.Y.Padding = vg.Points(10)
	p.Y.Min, p.Y.Max = -0.5, float64(len(shown))-0.5
	p.X.Min = 0
	if least > 0 && largest > 30*least {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		p.X.Min, p.X.Max = math.Pow(10, math.Floor(math.Log10(least))), math.Pow(10, math.Ceil(math.Log10(largest)))
		p.X.Label.Text += " (logarithmic)"
	} else {
		p.X.Max = max(largest*1.05, 1e-6)
	}
	picture, err := svg(p, vg.Points(70+float64(max(26, 11*lines+6)*len(shown))))
	drawn := &chart{SVG: picture, Legend: legend, Caption: "Lines are 95 % intervals."}
	if len(shown) < len(cells) {
		drawn.Caption += " " + fmt.Sprintf(mostInWords, len(shown), len(cells))
	}
	return drawn, err
}

// intervals are points with errors to the left and to the right.
type intervals struct {
	plotter.XYs
	low, high []float64
}

// XError is the form in which the plotter asks for them.
func (s *intervals) XError(i int) (low, high float64) { return -s.low[i], s.high[i] }

func (s *intervals) addTo(p *plot.Plot, as spread) error {
	bars, err := plotter.NewXErrorBars(s)
	if err != nil {
		return err
	}
	bars.Color, bars.Width, bars.CapWidth = as.color, vg.Points(1.2), vg.Points(5)
	points, err := plotter.NewScatter(s)
	if err != nil {
		return err
	}
	points.Color, points.Shape, points.Radius = as.color, as.shape, vg.Points(3)
	p.Add(bars, points)
	return nil
}
