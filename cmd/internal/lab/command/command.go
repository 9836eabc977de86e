// Package command is the command line of supervision-lab: whoever has a strategy of his own calls it with that.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"tcpproxy/actors"
)

// The program's exit codes.
const (
	exitOK    = 0
	exitError = 1 // it could not do what it was told, or not all of it
	exitUsage = 2 // the command line, or an experiment file, cannot be obeyed
)

// usageError is what the caller has to mend.
type usageError struct{ error }

// Unwrap gives the cause to errors.Is and errors.As.
func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

const description = "Kills actors of live connections, and measures what the peers see of it: which strategy of supervision costs whom " +
	"how much."

// options is the command line as kong reads it.
type options struct {
	Run     runOptions `cmd:"" help:"Carry out experiments, those that come with the program or those in files, and write a report."`
	List    struct{}   `cmd:"" help:"List the experiments that come with the program."`
	Show    showOption `cmd:"" help:"Print one of them, as it stands in its file."`
	New     newOption  `cmd:"" help:"Print a commented experiment file to start from."`
	Compare comparison `cmd:"" help:"Say what changed between two results.json beyond noise."`
	Schema  struct{}   `cmd:"" help:"Print the JSON Schema of experiment files, for an editor."`
}

type runOptions struct {
	Files  []string `arg:"" optional:"" name:"file" help:"Experiment files; without one, what comes with the program."`
	Seed   uint64   `default:"1" help:"The same seed makes the same faults in the same order."`
	Out    string   `default:"bin/lab" placeholder:"DIR" help:"Where the report goes: report.html, report.md, results.json, results.csv."`
	Only   []string `placeholder:"NAME,..." help:"Carry out these experiments only."`
	Repeat int      `placeholder:"N" help:"Runs of each cell, whatever the experiments say."`
	Quick  bool     `help:"Fewer runs, as the experiments say: to look, not to conclude."`
}

type showOption struct {
	Name string `arg:"" help:"Of the experiment; see list."`
}

type newOption struct {
	Name string `arg:"" help:"Of the experiment: a word with hyphens."`
}

type comparison struct {
	A string `arg:"" help:"The results.json of one run."`
	B string `arg:"" help:"That of a later one."`
}

// program is what a command needs of the world.
type program struct {
	options
	strategies     []actors.Strategy
	stdout, stderr io.Writer
}

// Main is the whole program: it obeys the arguments (without the program's name) and returns the exit code. Experiments may name the
// strategies beside the built-in ones.
func Main(args []string, strategies ...actors.Strategy) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends it at once
	p := &program{strategies: strategies, stdout: os.Stdout, stderr: os.Stderr}
	return p.main(ctx, args)
}

func (p *program) main(ctx context.Context, args []string) int {
	err := p.obey(ctx, args)
	var wrong usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintf(p.stderr, "supervision-lab: %v\n", err)
		return exitUsage
	}
	_, _ = fmt.Fprintf(p.stderr, "supervision-lab: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	return exitError
}

func (p *program) obey(ctx context.Context, args []string) error {
	answered := false
	parser, err := kong.New(&p.options, kong.Name("supervision-lab"), kong.Description(description),
		kong.Writers(p.stdout, io.Discard), kong.Exit(func(int) { answered = true }),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 120, Compact: true}))
	if err != nil {
		return err // a mistake in the struct tags of options
	}
	parsed, err := parser.Parse(args)
	switch {
	case answered:
		return nil
	case err != nil:
		return usagef("%w (see supervision-lab --help)", err)
	}
	word, _, _ := strings.Cut(parsed.Command(), " ")
	switch word {
	case "run":
		return p.run(ctx)
	case "list":
		return p.list()
	case "show":
		return p.show()
	case "new":
		return p.newFile()
	case "compare":
		return p.compare()
	}
	return p.schema()
}
