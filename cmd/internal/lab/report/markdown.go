package report

import (
	"bytes"
	"fmt"
	"strings"
)

// renderMarkdown is the report without its charts.
func renderMarkdown(p page) []byte {
	var out bytes.Buffer
	fmt.Fprint(&out, "# Supervision, measured\n\n")
	fmt.Fprintf(&out, "How to reproduce: `%s` (seed %d)\n\n", p.Command, p.Seed)
	if p.Interrupted {
		fmt.Fprint(&out, "**Interrupted**: this is what had been done by then.\n\n")
	}
	fmt.Fprintf(&out, "- Begun %s, took %s\n- On %s\n- %s\n- %s\n\n", p.Began, p.Took, text(p.Machine), p.Runs, p.Tally)
	if len(p.Sections) == 0 {
		fmt.Fprint(&out, "Nothing was measured.\n\n")
	}
	for i, s := range p.Sections {
		fmt.Fprintf(&out, "%d. [%s](#%s): %s\n", i+1, text(s.Title), s.ID, s.State())
	}
	fmt.Fprintf(&out, "\n%s\n\n", howToRead)
	for i, s := range p.Sections {
		s.markdown(&out, i+1)
	}
	fmt.Fprint(&out, "## The columns of results.csv\n\n| column | what it holds |\n| --- | --- |\n")
	for _, c := range p.Columns {
		fmt.Fprintf(&out, "| `%s` | %s |\n", c.Name, text(c.Means))
	}
	return out.Bytes()
}

func (s section) markdown(out *bytes.Buffer, number int) {
	fmt.Fprintf(out, "<a id=\"%s\"></a>\n## %d. %s\n\n%s\n\n", s.ID, number, text(s.Title), text(s.Setting))
	for _, part := range []struct{ head, body string }{{"Question", s.Question}, {"Method", s.Method}} {
		if part.body != "" {
			fmt.Fprintf(out, "**%s.** %s\n\n", part.head, text(part.body))
		}
	}
	for _, p := range s.Predictions {
		verdict := p.Verdict
		if verdict == contradicted {
			verdict = "CONTRADICTED"
		}
		fmt.Fprintf(out, "- **Prediction, %s.** %s (`%s`) %s\n", verdict, text(p.Says), p.Claim, text(p.Against))
	}
	fmt.Fprint(out, "\n### What came out\n\n")
	for _, o := range s.Outcome {
		if o.Of != "" {
			fmt.Fprintf(out, "- **%s:** %s\n", text(o.Of), text(o.Says))
		} else {
			fmt.Fprintf(out, "- %s\n", text(o.Says))
		}
	}
	for _, t := range s.Tables {
		fmt.Fprintf(out, "\n### %s\n\n%s\n\n", t.Title, t.Note)
		fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(t.Head, " | "), strings.Repeat(" --- |", len(t.Head)))
		for _, row := range t.Rows {
			cells := make([]string, len(row))
			for i, c := range row {
				cells[i] = text(c)
			}
			fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
		}
	}
	if s.Why != "" {
		fmt.Fprintf(out, "\n**Why.** %s\n", text(s.Why))
	}
	fmt.Fprintln(out)
}

// text is what others wrote, on one line and without what Markdown would take for a column, a tag or emphasis.
func text(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "*", "\\*", "`", "\\`").Replace(strings.Join(strings.Fields(s), " "))
}
