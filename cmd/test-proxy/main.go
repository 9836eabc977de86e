// Command test-proxy tests a TCP forwarder from the outside: it starts the forwarder, plays its clients and its destination, and
// says what the peers see that they should not.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"tcpproxy/cmd/internal/conformance"
)

const description = `Test a TCP forwarder from the outside.

COMMAND is how to start it: a path, to which destination-host, destination-port and listen-port are appended, or a template such as
'socat TCP-LISTEN:{listen},fork,reuseaddr TCP:{host}:{port}'. A template may also use {dir}, an empty directory.

Phase 7 kills the process that serves the connections, with -9, and expects them to go on. It is for forwarders that claim this: those
with --survive in their COMMAND, whose process is called tcpproxy-worker, and those that --worker says it of. Of any other the cases are
reported as not claimed, which is neither passed nor failed.

Exit code: 0 if all cases passed, 1 if some failed, 2 for a wrong command line.`

type cli struct {
	Command     string `arg:"" optional:"" help:"The forwarder: a path, or a template with {host}, {port} and {listen}."`
	Phase       []int  `placeholder:"N,…" help:"Run only these phases (1 to 7)."`
	Run         string `placeholder:"REGEXP" help:"Run only the cases whose name matches."`
	Skip        string `placeholder:"REGEXP" help:"Leave out the cases whose name matches."`
	List        bool   `help:"List the cases, with what they send and expect and why, and run none."`
	TimeoutRule string `default:"10s" placeholder:"10s|none" help:"After how long of silence the forwarder ends a connection."`
	DrainSignal string `default:"TERM" enum:"${signals}" help:"The signal that makes the forwarder finish what it has begun: ${enum}."`
	Jobs        int    `default:"4" help:"How many cases work at the same time; those that only wait do not count."`
	Many        int    `default:"2000" help:"How many connections the largest cases make."`
	Kills       int    `default:"8" help:"How often each case of phase 7 kills the worker. tcpproxy needs --max-restarts for more than 10."`
	Worker      string `placeholder:"NAME|none" help:"Connections outlive the forwarder's process of this name (/proc/PID/comm)."`
	Huge        bool   `help:"Also send more than 4 GiB over one connection."`
	JSON        string `name:"json" placeholder:"FILE" help:"Write the results as JSON."`
	JUnit       string `name:"junit" placeholder:"FILE" help:"Write the results as JUnit XML."`
	Seed        uint64 `help:"Replay a run; 0 chooses a new one."`
}

func main() {
	err := run(os.Args[1:])
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "test-proxy: %v\nusage: test-proxy [flags] COMMAND  (test-proxy --help says more)\n", err)
		os.Exit(2)
	case errors.Is(err, errFailed):
		os.Exit(1)
	case err != nil:
		fmt.Fprintf(os.Stderr, "test-proxy: %v\n", err)
		os.Exit(1)
	}
}

// usageError is a mistake in the command line.
type usageError struct{ error }

// errFailed: the report has already said what is wrong.
var errFailed = errors.New("some cases failed")

func run(args []string) error {
	var c cli
	parser, err := kong.New(&c, kong.Name("test-proxy"), kong.Description(description),
		kong.Vars{"signals": "TERM,INT,QUIT,HUP,USR1,USR2,none"})
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); err != nil {
		return &usageError{err}
	}
	opts, err := c.options()
	if err != nil {
		return &usageError{err}
	}
	if c.List {
		conformance.List(os.Stdout, opts.Select())
		return nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	report := conformance.NewReport(os.Stdout, &opts, conformance.Terminal(os.Stdout))
	results := conformance.Run(ctx, opts, report)
	passed := report.Close(results)
	if err := errors.Join(
		writeFile(c.JSON, func(out io.Writer) error { return conformance.WriteJSON(out, &opts, results) }),
		writeFile(c.JUnit, func(out io.Writer) error { return conformance.WriteJUnit(out, &opts, results) }),
	); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if !passed {
		return errFailed
	}
	return nil
}

// options checks what the command line says.
func (c *cli) options() (opts conformance.Options, err error) {
	opts = conformance.Options{
		Phases: c.Phase, Jobs: c.Jobs, Many: c.Many, Huge: c.Huge, Seed: c.Seed, Kills: c.Kills,
		DrainSignal: conformance.DrainSignals[c.DrainSignal],
	}
	for _, phase := range c.Phase {
		if phase < 1 || phase >= len(conformance.Phases) {
			return opts, fmt.Errorf("there is no phase %d, only 1 to %d", phase, len(conformance.Phases)-1)
		}
	}
	if opts.Run, err = expression("run", c.Run); err != nil {
		return opts, err
	}
	if opts.Skip, err = expression("skip", c.Skip); err != nil {
		return opts, err
	}
	if c.TimeoutRule != "none" {
		opts.Rule, err = time.ParseDuration(c.TimeoutRule)
		if err != nil || opts.Rule < conformance.ShortestRule || opts.Rule > time.Hour {
			return opts, fmt.Errorf(`--timeout-rule is "none" or a duration from %v to 1h, not %q`, conformance.ShortestRule, c.TimeoutRule)
		}
	}
	if c.Jobs < 1 {
		return opts, fmt.Errorf("--jobs must be at least 1, not %d", c.Jobs)
	}
	if c.Many < 1 || c.Many > 20000 {
		return opts, fmt.Errorf("--many must be from 1 to 20000, not %d", c.Many)
	}
	if c.Kills < 1 || c.Kills > 10000 {
		return opts, fmt.Errorf("--kills must be from 1 to 10000, not %d", c.Kills)
	}
	if len(c.Worker) > longestName {
		return opts, fmt.Errorf("--worker: the system cuts the name of a process off after %d bytes, and %q is longer", longestName, c.Worker)
	}
	if opts.Seed == 0 {
		opts.Seed = uint64(rand.Uint32()) + 1
	}
	if len(opts.Select()) == 0 {
		return opts, errors.New("no case is left; --list shows their names")
	}
	if c.List {
		return opts, nil
	}
	if strings.TrimSpace(c.Command) == "" {
		return opts, errors.New("COMMAND is missing: how is the forwarder started?")
	}
	if opts.Command, err = conformance.ParseCommand(c.Command); err != nil {
		return opts, err
	}
	opts.Worker = c.worker(opts.Command)
	return opts, nil
}

// longestName is how much /proc/PID/comm holds of a process's name.
const longestName = 15

// worker is the name of the process that the forwarder claims to survive; "" if it claims nothing.
func (c *cli) worker(command conformance.Command) string {
	switch {
	case c.Worker == "none":
		return ""
	case c.Worker == "" && command.Has("--survive"):
		return "tcpproxy-worker"
	}
	return c.Worker
}

func expression(flag, text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return re, nil
}

// writeFile writes a file, if there is one to write.
func writeFile(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
