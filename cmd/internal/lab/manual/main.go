// Command manual puts what the laboratory has measured into the documentation: the tables between markers in README.md and in
// test/lab/README.md, and three figures. From the top of the repository:
//
//	bin/supervision-lab run --out bin/lab-full
//	go run ./cmd/internal/lab/manual bin/lab-full
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tcpproxy/cmd/internal/lab"
	"tcpproxy/cmd/internal/lab/report"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manual DIR, with the results.json of a run in it")
		os.Exit(2)
	}
	if err := fill(filepath.Join(os.Args[1], "results.json"), "."); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

// fill writes the documentation of the repository at top.
func fill(results, top string) error {
	text, err := os.ReadFile(results)
	if err != nil {
		return err
	}
	var r lab.Results
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	if r.Version != lab.ResultsVersion {
		return fmt.Errorf("%s has version %d of the form, and not %d", results, r.Version, lab.ResultsVersion)
	}
	strategies, err := strategyTable(r)
	if err != nil {
		return err
	}
	pages, err := figures(r, filepath.Join(top, "test", "lab"))
	if err != nil {
		return err
	}
	if err := between(filepath.Join(top, "README.md"), "strategies", strategies); err != nil {
		return err
	}
	manual := filepath.Join(top, "test", "lab", "README.md")
	if err := between(manual, "table", experimentTable(r)); err != nil {
		return err
	}
	return between(manual, "figures", pages)
}

// between replaces what stands between two markers in a file.
func between(path, name, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := []byte("<!-- "+name+": begin -->\n"), []byte("<!-- "+name+": end -->")
	from, to := bytes.Index(page, begin), bytes.Index(page, end)
	if from < 0 || to < from {
		return fmt.Errorf("%s has no place for %q between two markers", path, name)
	}
	page = slices.Concat(page[:from], begin, []byte(text), page[to:])
	return os.WriteFile(path, page, 0o644) //nolint:gosec // documentation, for all to read
}

// find is the outcome of an experiment.
func find(r lab.Results, name string) (lab.Outcome, error) {
	for _, o := range r.Experiments {
		if o.Experiment.Name == name {
			return o, nil
		}
	}
	return lab.Outcome{}, fmt.Errorf("the run has no experiment %s: it takes the whole set", name)
}

// figures writes the three figures to a folder, and says them in Markdown.
func figures(r lab.Results, dir string) (string, error) {
	var page strings.Builder
	for _, f := range []struct{ file, title, experiment, strategy string }{
		{"pauses.svg", "What each strategy costs the peer: the pause that it saw", "strategies", ""},
		{"naive.svg", "The naive design: the bytes go on behind the hole, as if nothing were", "naive", lab.Naive},
		{"poisoned.svg", "A poisoned connection under backoff, until it is given up", "poisoned", "backoff"},
	} {
		o, err := find(r, f.experiment)
		if err != nil {
			return "", err
		}
		picture, err := report.PausePicture(o, r.Seed)
		if f.strategy != "" {
			picture, err = report.TimelinePicture(o, f.strategy)
		}
		if err != nil {
			return "", err
		}
		// A page may be dark, and the lines of a figure are.
		svg := bytes.Replace(picture.SVG, []byte("<svg "), []byte(`<svg style="background:white" `), 1)
		if err := os.WriteFile(filepath.Join(dir, f.file), svg, 0o644); err != nil { //nolint:gosec // documentation
			return "", err
		}
		fmt.Fprintf(&page, "![%s](%s)\n\n%s %s\n\n", f.title, f.file, f.title+".", picture.Caption)
		for i, m := range picture.Marks {
			fmt.Fprintf(&page, "%d. %s\n", i+1, m)
		}
		if len(picture.Marks) > 0 {
			page.WriteString("\n")
		}
	}
	return page.String(), nil
}
