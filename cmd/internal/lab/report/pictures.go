package report

import (
	"fmt"
	"strings"

	"tcpproxy/cmd/internal/lab"
)

// Picture is a chart of the report by itself, for a page of another kind.
type Picture struct {
	SVG     []byte
	Caption string   // the legend, and what is to be seen
	Marks   []string // what the numbers in it stand for
}

// PausePicture is the chart of the pauses of an experiment.
func PausePicture(o lab.Outcome, seed uint64) (Picture, error) {
	return picture(pauseChart(newCells(o), seed))
}

// TimelinePicture is the timeline of an experiment's first cell with a strategy.
func TimelinePicture(o lab.Outcome, strategy string) (Picture, error) {
	for _, c := range newCells(o) {
		if c.Strategy == strategy && timed(c) != nil {
			return picture(timeline(c))
		}
	}
	return Picture{}, fmt.Errorf("%s has no timeline with strategy %s", o.Experiment.Name, strategy)
}

func picture(c *chart, err error) (Picture, error) {
	if c == nil || err != nil {
		return Picture{}, err
	}
	var says strings.Builder
	for _, k := range c.Legend {
		_, _ = fmt.Fprintf(&says, "%s %s. ", k.Sign, k.Name)
	}
	return Picture{SVG: append([]byte(c.SVG), '\n'), Caption: says.String() + c.Caption, Marks: c.Marks}, nil
}
