package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"tcpproxy/cmd/internal/lab"
)

const (
	mostTimelines = 8  // of an experiment; results.json has all
	mostMarks     = 14 // numbered events of a timeline
)

// timelines are the cells whose first run has one, at most so many: one of each strategy and victim before a second of any.
func timelines(cells []cell) []cell {
	var first, rest []cell
	seen := map[string]bool{}
	for _, c := range cells {
		if run := timed(c); run == nil {
			continue
		}
		if key := c.Strategy + " " + c.Victim; !seen[key] {
			seen[key] = true
			first = append(first, c)
		} else {
			rest = append(rest, c)
		}
	}
	all := append(first, rest...)
	return all[:min(len(all), mostTimelines)]
}

func timed(c cell) *lab.Run {
	for i := range c.done {
		if len(c.done[i].Timeline) > 0 {
			return &c.done[i]
		}
	}
	return nil
}

// mark is what happened at about the same time, and the numbers that it has below the chart.
type mark struct {
	ms       float64
	from, to int
}

func (m mark) label() string {
	if m.from == m.to {
		return strconv.Itoa(m.from)
	}
	return fmt.Sprintf("%d–%d", m.from, m.to)
}

// marks are the events in words, and where to draw them: those too close to tell apart share a line.
func marks(run *lab.Run, apart float64) (words []string, at []mark) {
	events := slices.Clone(run.Events)
	slices.SortStableFunc(events, func(a, b lab.Event) int { return cmp.Compare(a.Ms, b.Ms) })
	for i, e := range events {
		if i == mostMarks {
			words = append(words, fmt.Sprintf("and %d more, the last at %s ms", len(events)-i, signed(events[len(events)-1].Ms)))
			break
		}
		says := fmt.Sprintf("%s ms: %s %s", signed(e.Ms), e.Name, e.Who)
		if e.What != "" {
			says += ", " + e.What
		}
		words = append(words, says)
		if n := len(at); n > 0 && e.Ms-at[n-1].ms < apart {
			at[n-1].to = i + 1
		} else {
			at = append(at, mark{e.Ms, i + 1, i + 1})
		}
	}
	return words, at
}

func signed(ms float64) string {
	if ms < 0 {
		return "−" + number(-ms)
	}
	return "+" + number(ms)
}

// timeline draws the bytes that arrived in each millisecond of a run, and the events.
func timeline(c cell) (*chart, error) {
	run := timed(c)
	unit, scale := "bytes", 1.0
	if most := slices.Max(run.Timeline); most >= 10_000 {
		unit, scale = "kilobytes", 1000
	}
	var line plotter.XYs
	most := 0.0
	for i, n := range run.Timeline {
		v := float64(n) / scale
		line = append(line, plotter.XY{X: float64(i - run.BeforeMs), Y: v})
		most = max(most, v)
	}
	last := float64(len(run.Timeline) - run.BeforeMs)
	line = append(line, plotter.XY{X: last, Y: line[len(line)-1].Y})
	first := line[0].X

	title := "Bytes around the fault: " + c.label
	if len(title) > 64 {
		title = "Bytes around the fault:\n" + wrap(c.label, 64)
	}
	p := newPlot(title, "milliseconds since the fault", unit+" per millisecond")
	steps, err := plotter.NewLine(line)
	if err != nil {
		return nil, err
	}
	steps.StepStyle, steps.Color, steps.Width, steps.FillColor = plotter.PostStep, blue, vg.Points(1), faint
	p.Add(steps)
	top := max(most*1.18, 1e-6)
	words, at := marks(run, (last-first)/40)
	labels := plotter.XYLabels{}
	for i, m := range at {
		if m.ms < first || m.ms > last {
			continue
		}
		bar, err := plotter.NewLine(plotter.XYs{{X: m.ms, Y: 0}, {X: m.ms, Y: top * 0.93}})
		if err != nil {
			return nil, err
		}
		bar.Color, bar.Width, bar.Dashes = red, vg.Points(1), []vg.Length{vg.Points(3), vg.Points(2)}
		p.Add(bar)
		labels.XYs = append(labels.XYs, plotter.XY{X: m.ms, Y: top * 0.94})
		labels.Labels = append(labels.Labels, at[i].label())
	}
	if len(labels.XYs) > 0 {
		numbers, err := plotter.NewLabels(labels)
		if err != nil {
			return nil, err
		}
		for i := range numbers.TextStyle {
			numbers.TextStyle[i].Font.Variant, numbers.TextStyle[i].Font.Size = "Sans", vg.Points(9)
			numbers.TextStyle[i].XAlign = -0.5
		}
		p.Add(numbers)
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = first, last, 0, top
	picture, err := svg(p, vg.Points(190))
	return &chart{SVG: picture, Marks: words, Caption: caption(run, words, most*scale)}, err
}

// caption says what is to be seen: how long nothing arrived, and how much did at most.
func caption(run *lab.Run, words []string, most float64) string {
	longest, now := 0, 0
	for _, n := range run.Timeline[min(max(run.BeforeMs, 0), len(run.Timeline)):] {
		if now++; n > 0 {
			now = 0
		}
		longest = max(longest, now)
	}
	says := fmt.Sprintf("One run (seed %d): at most %s bytes in a millisecond, and nothing for up to %s after the fault.",
		run.Seed, number(math.Round(most)), plural(longest, "millisecond", "milliseconds"))
	if len(words) == 0 {
		return says + " No supervision event was seen."
	}
	says += " Dashed: what the supervisors did, by number."
	return says
}
