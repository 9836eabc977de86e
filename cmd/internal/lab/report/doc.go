// Package report writes what the laboratory measured, for readers and for programs, and compares two such measurements.
//
//	write.go     the four files
//	page.go      what a report says, before it is HTML or Markdown
//	page.html    the form of report.html, with page.css
//	markdown.go  the form of report.md
//	csv.go       results.csv, with the meaning of each column
//	cell.go      the runs of a cell, and what they are called
//	figure.go    what is measured of a run
//	words.go     numbers and lists in words
//	outcome.go   sentences that are computed from the runs
//	ends.go      more of them: what became of connections and neighbours
//	table.go     the tables of cells
//	tree.go      the tree of actors with who restarted
//	chart.go     the plots
//	timeline.go  bytes around a fault, with what the supervisors did
//	compare.go   two measurements
//	pictures.go  charts by themselves, for other pages
//
// No sentence that states an outcome is fixed text: each is chosen and filled by the runs, and a test changes the runs to see that it
// changes.
package report
