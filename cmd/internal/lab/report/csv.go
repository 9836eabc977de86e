package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"tcpproxy/cmd/internal/lab"
)

// csvColumn is a column of results.csv.
type csvColumn struct {
	Name  string
	Means string
	of    func(o lab.Outcome, c lab.Cell, number int, r lab.Run) string
}

// ofRun is a column that is of the run alone.
func ofRun(name, means string, of func(r lab.Run) any) csvColumn {
	return csvColumn{name, means, func(_ lab.Outcome, _ lab.Cell, _ int, r lab.Run) string {
		if v, ok := of(r).(float64); ok {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return fmt.Sprint(of(r))
	}}
}

var csvColumns = []csvColumn{
	{"experiment", "its name", func(o lab.Outcome, _ lab.Cell, _ int, _ lab.Run) string { return o.Experiment.Name }},
	{"strategy", "of the session's children", func(_ lab.Outcome, c lab.Cell, _ int, _ lab.Run) string { return c.Strategy }},
	{"victim", "the actor that failed, or the process", func(_ lab.Outcome, c lab.Cell, _ int, _ lab.Run) string { return c.Victim }},
	{"fault", "how it failed", func(_ lab.Outcome, c lab.Cell, _ int, _ lab.Run) string { return faultWords(c.Fault) }},
	{"traffic", "what the connection did", func(_ lab.Outcome, c lab.Cell, _ int, _ lab.Run) string { return c.Traffic }},
	{"run", "number within its cell, from 1", func(_ lab.Outcome, _ lab.Cell, n int, _ lab.Run) string { return strconv.Itoa(n) }},
	ofRun("seed", "of the run", func(r lab.Run) any { return r.Seed }),
	ofRun("error", "why it could not be carried out; then nothing after it counts", func(r lab.Run) any { return r.Error }),
	ofRun("lived", "whether the connection went on to its ordinary end", func(r lab.Run) any { return r.Lived }),
	ofRun("lost", "bytes that never arrived", func(r lab.Run) any { return r.Lost }),
	ofRun("repeated", "bytes that arrived again", func(r lab.Run) any { return r.Repeated }),
	ofRun("reordered", "bytes that arrived out of order", func(r lab.Run) any { return r.Reordered }),
	ofRun("wrong_at", "where the first wrong byte was; -1 = nowhere", func(r lab.Run) any { return r.WrongAt }),
	ofRun("client_saw", "at the end: FIN, RST or nothing", func(r lab.Run) any { return r.ClientSaw }),
	ofRun("server_saw", "the same of the server", func(r lab.Run) any { return r.ServerSaw }),
	ofRun("bytes", "that arrived, both directions", func(r lab.Run) any { return r.Bytes }),
	ofRun("cause", "of the session's end", func(r lab.Run) any { return r.Cause }),
	ofRun("gave_up", "whether the supervisor did", func(r lab.Run) any { return r.GaveUp }),
	ofRun("faults", "how many were made", func(r lab.Run) any { return r.Faults }),
	ofRun("restarts", "who restarted, each with the milliseconds from its own failure until it ran again; 0 = it went down with another",
		func(r lab.Run) any {
			var words []string
			for _, t := range r.RestartsMs {
				words = append(words, t.Who+":"+strconv.FormatFloat(t.Ms, 'f', -1, 64))
			}
			return strings.Join(words, " ")
		}),
	ofRun("pause_ms", "the longest time without a byte that the receiving peer saw around the fault",
		func(r lab.Run) any { return r.PauseMs }),
	ofRun("undisturbed_ms", "the same before the fault", func(r lab.Run) any { return r.UndisturbedMs }),
	ofRun("others_before_ms", "99th percentile of round trips in sessions beside, before the fault",
		func(r lab.Run) any { return r.OthersBeforeMs }),
	ofRun("others_during_ms", "the same around the fault", func(r lab.Run) any { return r.OthersDuringMs }),
	ofRun("others_hurt", "sessions beside that ended, or whose actors restarted", func(r lab.Run) any { return r.OthersHurt }),
}

// renderCSV is every run, a line each, after a line of names.
func renderCSV(r lab.Results) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	line := make([]string, len(csvColumns))
	for i, c := range csvColumns {
		line[i] = c.Name
	}
	_ = w.Write(line) // a buffer takes everything
	for _, o := range r.Experiments {
		for _, c := range o.Cells {
			for n, run := range c.Runs {
				for i, column := range csvColumns {
					line[i] = column.of(o, c, n+1, run)
				}
				_ = w.Write(line)
			}
		}
	}
	w.Flush()
	return out.Bytes()
}
