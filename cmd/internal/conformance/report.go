package conformance

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Report writes results as text, as they come: one line for each case, more for those that failed. On a terminal a last line shows
// what is running.
type Report struct {
	out   io.Writer
	opts  *Options
	live  bool
	total int

	phase   int
	ended   int
	running []string
	begin   time.Time
}

// NewReport makes a report of a run with these options; live is whether out is a terminal.
func NewReport(out io.Writer, opts *Options, live bool) *Report {
	claimed := slices.DeleteFunc(opts.Select(), func(c Case) bool { return !opts.claims(c) })
	r := &Report{out: out, opts: opts, live: live, total: len(claimed), begin: time.Now()}
	fmt.Fprintf(out, "testing %s with seed %d\n", opts.Command.Text, opts.Seed)
	return r
}

// Begun implements Observer.
func (r *Report) Begun(c Case) {
	r.running = append(r.running, c.Name)
	r.progress()
}

// Ended implements Observer.
func (r *Report) Ended(c Case) {
	if i := slices.Index(r.running, c.Name); i >= 0 {
		r.running = slices.Delete(r.running, i, i+1)
	}
	r.ended++
	r.progress()
}

// Result implements Observer.
func (r *Report) Result(result Result) {
	r.wipe()
	if result.Phase != r.phase {
		r.phase = result.Phase
		fmt.Fprintf(r.out, "\nPhase %d %s\n", r.phase, Phases[r.phase])
	}
	switch result.Verdict {
	case Passed:
		fmt.Fprintf(r.out, "  ok    %-20s %s  %s\n", result.Name, result.Title, seconds(result.Took))
	case Skipped:
		fmt.Fprintf(r.out, "  skip  %-20s %s: %s\n", result.Name, result.Title, result.Came)
	case NotClaimed:
		fmt.Fprintf(r.out, "  -     %-20s %s: %s\n", result.Name, result.Title, NotClaimed)
	case Failed:
		fmt.Fprintf(r.out, "  FAIL  %-20s %s  %s\n", result.Name, result.Title, seconds(result.Took))
		for _, line := range [][2]string{
			{"sent", result.Sends}, {"expected", result.Expected}, {"came", result.Came}, {"matters", result.Why}, {"source", result.Source},
			{"alone", r.opts.Alone(result.Case)},
		} {
			if line[1] != "" {
				fmt.Fprintf(r.out, "        %-9s %s\n", line[0]+":", line[1])
			}
		}
	}
	if len(result.Notes) > 0 {
		fmt.Fprintf(r.out, "        %-9s %s\n", "measured:", strings.Join(result.Notes, "; "))
	}
	r.progress()
}

// Close writes the sum. It returns whether nothing failed.
func (r *Report) Close(results []Result) bool {
	r.wipe()
	count := Count(results)
	unclaimed := ""
	if n := count[NotClaimed]; n > 0 {
		unclaimed = fmt.Sprintf(", %d not claimed", n)
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped%s in %s\n",
		count[Passed], count[Failed], count[Skipped], unclaimed, seconds(time.Since(r.begin)))
	if unclaimed != "" {
		fmt.Fprintf(r.out, "not claimed: %s\n", notClaimed)
	}
	return count[Failed] == 0
}

// Count says how many results there are of each verdict.
func Count(results []Result) map[Verdict]int {
	count := map[Verdict]int{}
	for _, result := range results {
		count[result.Verdict]++
	}
	return count
}

// progress rewrites the last line.
func (r *Report) progress() {
	if !r.live {
		return
	}
	const room = 100
	line := fmt.Sprintf("%d of %d, %d s; running: %s", r.ended, r.total, int(time.Since(r.begin).Seconds()), strings.Join(r.running, " "))
	if len(line) > room {
		line = line[:room-1] + "…"
	}
	fmt.Fprintf(r.out, "\r\x1b[K%s", line)
}

// wipe removes the last line, so that a lasting one can take its place.
func (r *Report) wipe() {
	if r.live {
		fmt.Fprint(r.out, "\r\x1b[K")
	}
}

// List writes the cases with what is sent, what is expected and why it matters.
func List(out io.Writer, cases []Case) {
	phase := 0
	for _, c := range cases {
		if c.Phase != phase {
			phase = c.Phase
			fmt.Fprintf(out, "Phase %d %s\n\n", phase, Phases[phase])
		}
		fmt.Fprintf(out, "  %s: %s\n", c.Name, c.Title)
		for _, line := range [][2]string{{"sends", c.Sends}, {"expects", c.Expects}, {"matters", c.Why}, {"source", c.Source}} {
			if line[1] != "" {
				fmt.Fprintf(out, "      %-8s %s\n", line[0], line[1])
			}
		}
		fmt.Fprintln(out)
	}
}
