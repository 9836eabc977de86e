package command

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"

	"tcpproxy/cmd/internal/lab"
	"tcpproxy/cmd/internal/lab/report"
)

// list prints a line for each experiment that comes with the program.
func (p *program) list() error {
	all, err := lab.Embedded()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, x := range all {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", x.Name, x.Title)
	}
	return table.Flush()
}

func (p *program) show() error {
	text := lab.Source(p.Show.Name)
	if text == nil {
		all, err := lab.Embedded()
		if err != nil {
			return err
		}
		return usagef("there is no experiment %q: it is one of %s", p.Show.Name, strings.Join(namesOf(all), ", "))
	}
	_, err := p.stdout.Write(text)
	return err
}

var named = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (p *program) newFile() error {
	if !named.MatchString(p.New.Name) {
		return usagef("%q is no name of an experiment: a name is a word with hyphens, such as my-first", p.New.Name)
	}
	_, err := p.stdout.Write(lab.Template(p.New.Name))
	return err
}

func (p *program) schema() error {
	_, err := p.stdout.Write(lab.Schema)
	return err
}

func (p *program) compare() error {
	a, err := results(p.Compare.A)
	if err != nil {
		return err
	}
	b, err := results(p.Compare.B)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, strings.TrimRight(report.Compare(a, b), "\n"))
	return err
}

// results reads a results.json.
func results(path string) (r lab.Results, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s is no results.json: %w", path, err)
	}
	if r.Version != lab.ResultsVersion {
		return r, fmt.Errorf("%s has version %d of the form; this program knows version %d", path, r.Version, lab.ResultsVersion)
	}
	return r, nil
}

func namesOf(all []lab.Experiment) (names []string) {
	for _, x := range all {
		names = append(names, x.Name)
	}
	return names
}
