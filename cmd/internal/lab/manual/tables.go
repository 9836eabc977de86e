package main

import (
	"fmt"
	"slices"
	"strings"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/lab"
)

// strategyTable has a row for each strategy, for the naive design, and for the process.
func strategyTable(r lab.Results) (string, error) {
	says := map[string]string{lab.Naive: "restart that child, which kept bytes in its own fields"}
	for _, s := range actors.SupervisionStrategies() {
		says[s.Name] = s.Summary
	}
	var t strings.Builder
	t.WriteString("| `--supervision` | when a child fails | who restarted | the connection | bytes lost or repeated " +
		"| the peer's pause; undisturbed |\n")
	t.WriteString("| --- | --- | --- | --- | --- | --- |\n")
	o, err := find(r, "strategies")
	if err != nil {
		return "", err
	}
	for _, c := range o.Cells {
		name := "`" + c.Strategy + "`"
		if c.Strategy == lab.Naive {
			name = "none: a naive design, for comparison"
		}
		row(&t, name, says[c.Strategy], c, r.Seed)
	}
	if o, err = find(r, "process"); err != nil {
		return "", err
	}
	for _, c := range o.Cells {
		if c.Traffic == "upload" {
			row(&t, "the process, with `--survive`", "its holder goes on in its place", c, r.Seed)
		}
	}
	return t.String(), nil
}

func row(t *strings.Builder, name, says string, c lab.Cell, seed uint64) {
	_, _ = fmt.Fprintf(t, "| %s | %s | %s | %s | %s | %s |\n", name, says, restarted(c), fate(c, seed), wrong(c, seed), beside(c, seed))
}

// done are the runs that could be carried out.
func done(c lab.Cell) (runs []lab.Run) {
	for _, r := range c.Runs {
		if r.Error == "" {
			runs = append(runs, r)
		}
	}
	return runs
}

// restarted says who did, in any run.
func restarted(c lab.Cell) string {
	var who []string
	for _, r := range done(c) {
		for _, took := range r.RestartsMs {
			if !slices.Contains(who, took.Who) {
				who = append(who, took.Who)
			}
		}
	}
	children := 0
	for _, v := range lab.Victims[:4] {
		if slices.Contains(who, v.Name) {
			children++
		}
	}
	switch {
	case len(who) == 0:
		return "nobody"
	case slices.Contains(who, "process"):
		return "everybody, over the same sockets"
	case children == 4 && slices.Contains(who, "session"):
		return "the session, and with it all four"
	case children == 4:
		return "all four"
	case len(who) == 1 && who[0] == c.Victim:
		return "that child"
	}
	return strings.Join(who, ", ")
}

// value is a figure of a cell; 0 if it has none.
func value(c lab.Cell, figure string, seed uint64) float64 {
	e, _ := lab.Measure(c, figure, seed)
	return e.Value
}

// fate says what became of the connection.
func fate(c lab.Cell, seed uint64) string {
	runs := len(done(c))
	if runs == 0 {
		return "not measured"
	}
	switch lived := value(c, "lived", seed); {
	case lived == 1:
		return fmt.Sprintf("lives (%d of %d)", runs, runs)
	case lived == 0 && value(c, "client_reset", seed) == 1 && value(c, "server_reset", seed) == 1:
		return fmt.Sprintf("both sides are reset (%d of %d)", runs, runs)
	default:
		return fmt.Sprintf("lives in %.0f of %d", lived*float64(runs), runs)
	}
}

// wrong says what became of the bytes.
func wrong(c lab.Cell, seed uint64) string {
	lost, repeated := value(c, "lost", seed), value(c, "repeated", seed)
	switch {
	case len(done(c)) == 0:
		return ""
	case lost+repeated == 0 && value(c, "lived", seed) == 0:
		return "ends there"
	case lost+repeated == 0:
		return "0"
	case repeated == 0:
		return fmt.Sprintf("%.0f lost", lost)
	default:
		return fmt.Sprintf("%.0f lost, %.0f repeated", lost, repeated)
	}
}

// pause says how long the receiving peer waited, if the connection lived.
func pause(c lab.Cell, seed uint64) string {
	e, ok := lab.Measure(c, "pause_p50_ms", seed)
	if !ok || value(c, "lived", seed) == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f ms (%.1f … %.1f)", e.Value, e.Low, e.High)
}

// beside is pause with the undisturbed one of the same connections.
func beside(c lab.Cell, seed uint64) string {
	says := pause(c, seed)
	if says == "" {
		return ""
	}
	return fmt.Sprintf("%s; %.1f ms", says, value(c, "undisturbed_p50_ms", seed))
}

// experimentTable has a row for each experiment: how its predictions did, and the worst of what was measured.
func experimentTable(r lab.Results) string {
	var t strings.Builder
	cells, runs := 0, 0
	for _, o := range r.Experiments {
		cells += len(o.Cells)
		for _, c := range o.Cells {
			runs += len(done(c))
		}
	}
	_, _ = fmt.Fprintf(&t, "%d runs of %d cells on %s, begun %s. Pauses are medians with 95 %% intervals, from the cell\n"+
		"with the shortest to that with the longest.\n\n", runs, cells, r.Machine, r.Began.Format("2006-01-02"))
	t.WriteString("| experiment | question | predictions that held | connections that lived | bytes lost | the peer's pause |\n")
	t.WriteString("| --- | --- | --- | --- | --- | --- |\n")
	for _, o := range r.Experiments {
		held := 0
		for _, v := range o.Verdicts {
			if v.Holds {
				held++
			}
		}
		lived, all := 0, 0
		for _, c := range o.Cells {
			for _, run := range done(c) {
				if all++; run.Lived {
					lived++
				}
			}
		}
		_, _ = fmt.Fprintf(&t, "| `%s` | %s | %d of %d | %d of %d | %s | %s |\n", o.Experiment.Name, o.Experiment.Question,
			held, len(o.Verdicts), lived, all, losses(o, r.Seed), pauses(o, r.Seed))
	}
	return t.String()
}

// losses says which strategies lost how much.
func losses(o lab.Outcome, seed uint64) string {
	var says []string
	for _, c := range o.Cells {
		if lost := value(c, "lost", seed); lost > 0 {
			says = append(says, fmt.Sprintf("%s: %.0f a run", c.Strategy, lost))
		}
	}
	if says == nil {
		return "0"
	}
	return strings.Join(slices.Compact(says), "; ")
}

// pauses are the shortest and the longest of the cells whose connections lived.
func pauses(o lab.Outcome, seed uint64) string {
	var says []string
	var values []float64
	for _, c := range o.Cells {
		if s := pause(c, seed); s != "" {
			says, values = append(says, s), append(values, value(c, "pause_p50_ms", seed))
		}
	}
	switch len(says) {
	case 0:
		return "the connection ends"
	case 1:
		return says[0]
	}
	least, most := slices.Index(values, slices.Min(values)), slices.Index(values, slices.Max(values))
	return says[least] + " to " + says[most]
}
