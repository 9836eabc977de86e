package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"tcpproxy/cmd/internal/lab"
	"tcpproxy/cmd/internal/lab/engine"
	"tcpproxy/cmd/internal/lab/report"
)

// run carries out experiments, and leaves a report of what was done, also if it was interrupted.
func (p *program) run(ctx context.Context) error {
	o := p.Run
	if o.Repeat < 0 {
		return usagef("--repeat %d: it takes a number of runs", o.Repeat)
	}
	experiments, err := p.experiments()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return err // better now than after the runs
	}
	tcpproxy, remove, err := forwarder(ctx, experiments)
	if err != nil {
		return err
	}
	defer remove()
	shown := newProgress(p.stderr)
	results := engine.Run(ctx, experiments, engine.Options{
		Seed: o.Seed, Repeat: o.Repeat, Quick: o.Quick, Strategies: p.strategies, Program: tcpproxy, Progress: shown.step,
	})
	shown.end()
	results.Command = p.command()
	if err := report.Write(o.Out, results); err != nil {
		return err
	}
	if _, err := fmt.Fprint(p.stdout, summary(results, filepath.Join(o.Out, "report.html"))); err != nil {
		return err
	}
	if results.Interrupted {
		return errors.New("interrupted: the report is on what had been done by then")
	}
	return nil
}

// experiments are those that were asked for.
func (p *program) experiments() ([]lab.Experiment, error) {
	var all []lab.Experiment
	var err error
	if len(p.Run.Files) == 0 {
		all, err = lab.Embedded()
	} else {
		var names []string
		for _, s := range p.strategies {
			names = append(names, s.Name)
		}
		if all, err = lab.Load(p.Run.Files, names...); err != nil {
			err = usageError{err}
		}
	}
	if err != nil || len(p.Run.Only) == 0 {
		return all, err
	}
	var some []lab.Experiment
	for _, name := range p.Run.Only {
		i := slices.IndexFunc(all, func(x lab.Experiment) bool { return x.Name == name })
		if i < 0 {
			return nil, usagef("--only %s: there is no such experiment: it is one of %s", name, strings.Join(namesOf(all), ", "))
		}
		some = append(some, all[i])
	}
	return some, nil
}

// command is what makes the same again.
func (p *program) command() string {
	o := p.Run
	words := []string{"supervision-lab", "run", "--seed", strconv.FormatUint(o.Seed, 10)}
	if o.Quick {
		words = append(words, "--quick")
	}
	if o.Repeat > 0 {
		words = append(words, "--repeat", strconv.Itoa(o.Repeat))
	}
	if len(o.Only) > 0 {
		words = append(words, "--only", strings.Join(o.Only, ","))
	}
	return strings.Join(append(words, o.Files...), " ")
}

// forwarder is the path of the tcpproxy whose process is killed: the one beside this program, or one that is built for the purpose, and
// removed at the end. Without any, the runs that need it say so.
func forwarder(ctx context.Context, all []lab.Experiment) (path string, remove func(), err error) {
	remove = func() {}
	if !slices.ContainsFunc(all, func(x lab.Experiment) bool { return slices.Contains(x.Victims, "process") }) || runtime.GOOS != "linux" {
		return "", remove, nil
	}
	if own, err := os.Executable(); err == nil {
		path = filepath.Join(filepath.Dir(own), "tcpproxy")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, remove, nil
		}
	}
	dir, err := os.MkdirTemp("", "supervision-lab-")
	if err != nil {
		return "", remove, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	path = filepath.Join(dir, "tcpproxy")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "tcpproxy/cmd/tcpproxy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if build.Run() != nil {
		return "", remove, nil
	}
	return path, remove, nil
}

// summary says in a few lines what came of it.
func summary(r lab.Results, path string) string {
	var s strings.Builder
	for _, o := range r.Experiments {
		held, runs, failed := 0, 0, map[string]int{}
		for _, v := range o.Verdicts {
			if v.Holds {
				held++
			}
		}
		for _, c := range o.Cells {
			for _, run := range c.Runs {
				if runs++; run.Error != "" {
					failed[run.Error]++
				}
			}
		}
		fmt.Fprintf(&s, "%-20s %d of %d predictions held, %d runs\n", o.Experiment.Name, held, len(o.Verdicts), runs)
		for i, v := range o.Verdicts {
			if !v.Holds {
				claim := o.Experiment.Predict[i]
				fmt.Fprintf(&s, "    did not hold: %s (%s was %.4g)\n", claim.Says, claim.Figure, v.Measured)
			}
		}
		for why, n := range failed {
			fmt.Fprintf(&s, "    %d runs could not be carried out: %s\n", n, why)
		}
	}
	fmt.Fprintf(&s, "report: %s\n", path)
	return s.String()
}
