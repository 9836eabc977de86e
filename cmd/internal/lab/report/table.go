package report

import (
	"fmt"
	"slices"
	"strings"

	"tcpproxy/cmd/internal/lab"
)

// table is a table of cells.
type table struct {
	Title string
	Note  string
	Head  []string
	Rows  [][]string
}

// tables are what was measured of each cell, under three heads: one table would be too wide to print.
func tables(cells []cell, seed uint64) []table {
	// What all cells share is said once, above: a narrow table can be printed.
	var head, same []string
	var of []func(lab.Cell) string
	for i, d := range dimensions {
		if i > 0 && !slices.ContainsFunc(cells, func(c cell) bool { return d.of(c.Cell) != d.of(cells[0].Cell) }) {
			same = append(same, d.name+" "+d.of(cells[0].Cell))
		} else {
			head, of = append(head, d.name), append(of, d.of)
		}
	}
	build := func(title, note string, columns []column) table {
		t := table{Title: title, Note: note, Head: slices.Clone(head)}
		if same != nil {
			t.Note += " In every row: " + strings.Join(same, ", ") + "."
		}
		for _, c := range columns {
			t.Head = append(t.Head, c.head)
		}
		for _, c := range cells {
			var row []string
			for _, of := range of {
				row = append(row, of(c.Cell))
			}
			for _, column := range columns {
				row = append(row, column.of(c.done, seed, c))
			}
			t.Rows = append(t.Rows, row)
		}
		return t
	}
	return []table{
		build("What became of the connection and of its bytes", "Bytes are means per run.", fateColumns),
		build("Time, in milliseconds", "Pauses are the longest time without a byte that the receiving peer saw, of connections that lived: "+
			"around the fault, and in the same connections before it. The time to running is that of the slowest actor of a run, the median.",
			timeColumns),
		build("Who restarted, and who else paid", "Counts are of runs in which it happened. The p99 is of round trips of the sessions "+
			"beside, in milliseconds, the median of the runs.", whoColumns),
	}
}

// column is a column of a table of cells.
type column struct {
	head string
	of   func(runs []lab.Run, seed uint64, c cell) string
}

// plain is a column that shows a figure.
func plain(head string, f figure) column {
	return column{head, func(runs []lab.Run, seed uint64, _ cell) string { return f.estimate(runs, seed).String() }}
}

// at is a column that shows a quantile.
func at(head string, f figure, q float64) column {
	return column{head, func(runs []lab.Run, seed uint64, _ cell) string { return f.quantile(runs, seed, q).String() }}
}

// most is a column that shows the largest value. It has no interval: how far a maximum would go in more runs, these runs cannot say.
func most(head string, f figure) column {
	return column{head, func(runs []lab.Run, seed uint64, _ cell) string {
		e := f.quantile(runs, seed, 1)
		if e.n == 0 {
			return "–"
		}
		return fmt.Sprintf("%s (largest of %d)", number(e.value), e.n)
	}}
}

// counted is a column that counts runs.
func counted(head string, so func(r lab.Run) bool) column {
	return column{head, func(runs []lab.Run, _ uint64, _ cell) string {
		if len(runs) == 0 {
			return "–"
		}
		return ofAll(count(runs, so), len(runs))
	}}
}

func words(head string, of func(r lab.Run) string) column {
	return column{head, func(runs []lab.Run, _ uint64, _ cell) string {
		if len(runs) == 0 {
			return "–"
		}
		return sawWords(runs, true, of)
	}}
}

var fateColumns = []column{
	{"not carried out", func(_ []lab.Run, _ uint64, c cell) string { return ofAll(len(c.failed), len(c.Runs)) }},
	counted("lived", func(r lab.Run) bool { return r.Lived }),
	plain("bytes lost", lost),
	plain("repeated", repeated),
	plain("reordered", reordered),
	{"first wrong byte", func(runs []lab.Run, _ uint64, _ cell) string {
		switch at := firstWrong(runs); {
		case len(runs) == 0:
			return "–"
		case at >= 0:
			return "at " + number(float64(at))
		}
		return "none"
	}},
	words("the client saw", clientSaw),
	words("the server saw", serverSaw),
	counted("gave up", func(r lab.Run) bool { return r.GaveUp }),
	words("cause of the end", func(r lab.Run) string { return orNothing(r.Cause) }),
}

var timeColumns = []column{
	at("pause p50", pause, 0.5), at("pause p99", pause, 0.99), most("pause max", pause),
	at("undisturbed p50", undisturbed, 0.5), at("undisturbed p99", undisturbed, 0.99), most("undisturbed max", undisturbed),
	plain("added, p50", added),
	plain("fault to running", running),
}

var whoColumns = []column{
	plain("faults made", faults),
	plain("restarts", restarts),
	{"restarted", func(runs []lab.Run, _ uint64, _ cell) string {
		who, n := restarted(runs)
		var words []string
		for _, role := range who {
			if n[role] > 0 {
				words = append(words, role+" "+ofAll(n[role], len(runs)))
			}
		}
		if words == nil && len(runs) > 0 {
			return "nobody, " + ofAll(0, len(runs))
		}
		if words == nil {
			return "–"
		}
		return strings.Join(words, ", ")
	}},
	{"did not", func(runs []lab.Run, _ uint64, _ cell) string {
		who, n := restarted(runs)
		var words []string
		for _, role := range who {
			if n[role] == 0 && role != "process" && len(runs) > 0 {
				words = append(words, role)
			}
		}
		if words == nil {
			return "–"
		}
		return strings.Join(words, ", ")
	}},
	plain("others' p99 before", othersBefore),
	plain("others' p99 around the fault", othersDuring),
	counted("others hurt", func(r lab.Run) bool { return r.OthersHurt > 0 }),
}
