//go:build linux

package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"tcpproxy/test/bench/internal/stat"
)

// writeTables writes all that was measured as Markdown.
func (b *bench) writeTables(out io.Writer, verdicts []verdict) {
	if len(verdicts) > 0 {
		writeVerdicts(out, verdicts)
	}
	for _, w := range b.works {
		for _, row := range w.rows {
			b.writeRow(out, row)
		}
	}
	b.writeTraces(out)
	b.writeNotes(out)
}

func (b *bench) writeNotes(out io.Writer) {
	if len(b.notes)+len(b.failed) == 0 {
		return
	}
	fmt.Fprint(out, "## Notes of this run\n\n")
	for _, note := range b.notes {
		fmt.Fprintf(out, "- %s\n", note)
	}
	for _, failure := range slices.Sorted(maps.Keys(b.failed)) {
		fmt.Fprintf(out, "- %s (rounds %s)\n", failure, strings.Trim(fmt.Sprint(b.failed[failure]), "[]"))
	}
	fmt.Fprintln(out)
}

func writeVerdicts(out io.Writer, verdicts []verdict) {
	fmt.Fprintf(out, "## Must reach: %d of %d\n\n", len(verdicts)-missed(verdicts), len(verdicts))
	fmt.Fprintln(out, "| row | figure | must be | is (median) | rounds from … to | |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- |")
	for _, v := range verdicts {
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s … %s | %s |\n",
			v.row, v.metric, v.bound(), exact(v.median), exact(v.low), exact(v.high), v.outcome())
	}
	fmt.Fprintln(out)
}

// writeRow writes one table: a line per proxy with medians, then the medians
// of the ratios taken round by round.
func (b *bench) writeRow(out io.Writer, row row) {
	heading := []string{"proxy"}
	for _, m := range row.metrics {
		heading = append(heading, string(m))
	}
	references := slices.DeleteFunc([]string{haproxy, ioCopy}, func(name string) bool {
		return !b.takesPart(name)
	})
	for _, m := range row.ratios {
		for _, reference := range references {
			heading = append(heading, fmt.Sprintf("%s ÷ %s", strings.Fields(string(m))[0], reference))
		}
	}
	fmt.Fprintf(out, "## %s\n\n`%s`\n\n", row.title, row.name)
	fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(heading, " | "), strings.Repeat(" --- |", len(heading)))
	for _, p := range b.peers {
		if b.samples[cell{row.name, p.name, row.metrics[0]}] == nil {
			continue // this work skips it
		}
		line := []string{p.name}
		for _, m := range row.metrics {
			line = append(line, short(stat.Median(b.samples[cell{row.name, p.name, m}])))
		}
		for _, m := range row.ratios {
			for _, reference := range references {
				line = append(line, b.ratio(row.name, p.name, reference, m))
			}
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(line, " | "))
	}
	fmt.Fprintln(out)
}

func (b *bench) ratio(row, name, reference string, m metric) string {
	if name == reference {
		return "1"
	}
	ratios := stat.Ratios(b.samples[cell{row, name, m}], b.samples[cell{row, reference, m}])
	return short(stat.Median(ratios))
}

func (b *bench) takesPart(name string) bool {
	return slices.ContainsFunc(b.peers, func(p peer) bool { return p.name == name })
}

func (b *bench) writeTraces(out io.Writer) {
	for _, w := range b.works {
		traces := b.traces[w.name]
		if len(traces) == 0 {
			continue
		}
		fmt.Fprintf(out, "## System calls per %s\n\n`%s`, from `strace -c -f` in a run of its own\n\n", w.unit, w.name)
		fmt.Fprint(out, "| proxy | in all | of which |\n| --- | --- | --- |\n")
		for _, p := range b.peers {
			if t := traces[p.name]; t != nil {
				fmt.Fprintf(out, "| %s | %s | %s |\n", p.name, short(t.total()), t.shares())
			}
		}
		fmt.Fprintln(out)
	}
}

// exact is for figures that stand beside a bound: 1.004 must not read as 1.00.
func exact(value float64) string {
	if math.IsNaN(value) {
		return "–"
	}
	return fmt.Sprintf("%.3f", value)
}

// short writes a number with as many digits as the noise leaves meaning to.
func short(value float64) string {
	size := math.Abs(value)
	switch {
	case math.IsNaN(value):
		return "–"
	case size >= 100:
		return fmt.Sprintf("%.0f", value)
	case size >= 10:
		return fmt.Sprintf("%.1f", value)
	case size == 0:
		return "0"
	}
	return fmt.Sprintf("%.2f", value)
}
