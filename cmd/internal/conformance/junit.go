package conformance

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the results in the form that build servers read, a suite for each phase. What is not claimed is
// skipped in that form, which has no other word; the message says which it is.
func WriteJUnit(out io.Writer, opts *Options, results []Result) error {
	count := Count(results)
	all := junitSuites{
		Name: opts.Command.Text, Tests: len(results), Failures: count[Failed], Skipped: count[Skipped] + count[NotClaimed],
	}
	for phase := 1; phase < len(Phases); phase++ {
		var mine []Result
		took := 0.0
		for _, r := range results {
			if r.Phase == phase {
				mine, took = append(mine, r), took+r.Took.Seconds()
			}
		}
		if len(mine) == 0 {
			continue
		}
		count := Count(mine)
		suite := junitSuite{
			Name: fmt.Sprintf("phase %d", phase), Time: fmt.Sprintf("%.3f", took),
			Tests: len(mine), Failures: count[Failed], Skipped: count[Skipped] + count[NotClaimed],
		}
		for _, r := range mine {
			c := junitCase{
				Class: "test-proxy." + suite.Name, Name: r.Name,
				Time: fmt.Sprintf("%.3f", r.Took.Seconds()), Output: strings.Join(r.Notes, "\n"),
			}
			switch r.Verdict {
			case Failed:
				c.Failure = &junitMessage{r.Came, fmt.Sprintf("sent: %s\nexpected: %s\ncame: %s\nalone: %s\n",
					r.Sends, r.Expected, r.Came, opts.Alone(r.Case))}
			case Skipped:
				c.Skipped = &junitMessage{Message: r.Came}
			case NotClaimed:
				c.Skipped = &junitMessage{Message: string(NotClaimed) + ": " + r.Came}
			}
			suite.Cases = append(suite.Cases, c)
		}
		all.Suites = append(all.Suites, suite)
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}
