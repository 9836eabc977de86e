package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tcpproxy/cmd/internal/lab"
)

var update = flag.Bool("update", false, "write the golden report anew")

// The golden report is the Markdown: it says all that the HTML does, and a reviewer can read what changed in it.
func TestTheGoldenReport(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, synthetic()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.md", "results.csv"} {
		golden := filepath.Join("testdata", name)
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not the golden one; look at the difference, and if it is meant: go test ./cmd/internal/lab/report -update", name)
		}
	}
}

func TestTheHTMLSaysWhatTheMarkdownSays(t *testing.T) {
	p, err := newPage(synthetic())
	if err != nil {
		t.Fatal(err)
	}
	html, err := renderHTML(p)
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.NewReplacer("&#39;", "'", "&lt;", "<", "&gt;", ">", "&#43;", "+", "&amp;", "&", "\u00a0", " ").Replace(string(html))
	for _, s := range p.Sections {
		for _, told := range s.Outcome {
			if !strings.Contains(plain, told.Says) {
				t.Errorf("not in the HTML: %s", told.Says)
			}
		}
		for _, table := range s.Tables {
			for _, row := range table.Rows {
				for _, value := range row {
					if !strings.Contains(plain, value) {
						t.Errorf("not in the HTML: %s", value)
					}
				}
			}
		}
	}
	for _, forbidden := range []string{"<script", "http://www.w3.org/1999/xlink\"><image", "src=\"http", "href=\"http", "@import"} {
		if strings.Contains(string(html), forbidden) {
			t.Errorf("the report has %s", forbidden)
		}
	}
}

func TestResultsJSONGoesBothWays(t *testing.T) {
	dir, r := t.TempDir(), synthetic()
	r.Experiments = r.Experiments[2:] // of every kind of field, and sooner written
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back lab.Results
	if err := json.Unmarshal(body, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || !bytes.Equal(again, bytes.TrimSpace(body)) {
		t.Error("what was read is not what was written")
	}
}

func TestAVerdictWithoutANumberIsWritten(t *testing.T) {
	r := synthetic()
	r.Experiments = r.Experiments[:1]
	r.Experiments[0].Cells = r.Experiments[0].Cells[:1]
	r.Experiments[0].Verdicts[0] = lab.Verdict{Measured: math.NaN(), Low: math.NaN(), High: math.Inf(1)}
	if err := Write(t.TempDir(), r); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(r.Experiments[0].Verdicts[0].Measured) {
		t.Error("the caller's results were changed")
	}
}

func TestEveryRunIsALine(t *testing.T) {
	r := synthetic()
	lines, err := csv.NewReader(bytes.NewReader(renderCSV(r))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	for _, o := range r.Experiments {
		for _, c := range o.Cells {
			runs += len(c.Runs)
		}
	}
	if len(lines) != runs+1 {
		t.Errorf("%d lines for %d runs", len(lines), runs)
	}
	// Every field of a run has a column, but those of the timeline.
	for _, field := range reflect.VisibleFields(reflect.TypeFor[lab.Run]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch name {
		case "before_ms", "timeline", "events":
			continue
		case "restarts_ms":
			name = "restarts"
		}
		if !strings.Contains(","+strings.Join(lines[0], ",")+",", ","+name+",") {
			t.Errorf("no column %s", name)
		}
	}
}

func TestNothingAtAllIsAReport(t *testing.T) {
	for name, r := range map[string]lab.Results{
		"empty":     {},
		"no cells":  {Experiments: []lab.Outcome{{}}},
		"no runs":   {Experiments: []lab.Outcome{{Cells: []lab.Cell{{}}}}},
		"zero runs": {Experiments: []lab.Outcome{{Cells: []lab.Cell{{Runs: make([]lab.Run, 1)}}}}},
	} {
		dir := t.TempDir()
		if err := Write(dir, r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text, _ := os.ReadFile(filepath.Join(dir, "report.md"))
		if name == "empty" && !strings.Contains(string(text), "Nothing was measured.") {
			t.Errorf("%s says:\n%s", name, text)
		}
		if name == "no runs" && !strings.Contains(string(text), "No run was carried out") {
			t.Errorf("%s says:\n%s", name, text)
		}
	}
}
