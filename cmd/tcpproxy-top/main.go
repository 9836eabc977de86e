// Command tcpproxy-top is `tcpproxy top`: it shows a running proxy in a terminal. It is a program of its own since it brings a library for
// terminals along, whose size every proxy would carry that never shows anything. The work is done in package top.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/alecthomas/kong"

	"tcpproxy/cmd/internal/top"
)

// The program's exit codes, which are those of tcpproxy.
const (
	exitOK    = 0
	exitError = 1 // the proxy cannot be seen
	exitUsage = 2 // the command line cannot be obeyed
)

// options is the command line.
type options struct {
	Admin          string `default:"127.0.0.1:9090" placeholder:"ADDR" help:"The host:port of the proxy's admin API (its --admin)."`
	AdminTokenFile string `placeholder:"FILE" help:"A file with the token that the API wants, if it wants one."`
}

const usage = "Usage: tcpproxy top [--admin ADDR] [--admin-token-file FILE]\n"

const description = `Shows a running proxy in this terminal: its tree of actors, rates, and what its supervisors do. Without a
terminal it prints what there is, once, and exits; with 1 if the proxy cannot be reached.

Arrows move and fold, / searches, k kills the chosen actor by a panic and K by stopping it (the proxy takes --faults for that), s chooses
the strategy, e ends a session, q quits. To forward to a host that is called top, give its port and the listen-port, as ever.`

// errAnswered says that only the help was wanted, and given.
var errAnswered = errors.New("answered")

// usageError is a command line that cannot be obeyed.
type usageError struct{ error }

func main() { os.Exit(report(run(os.Args[1:], os.Stdin, os.Stdout), os.Stderr)) }

// report says on stderr why the program ends, in a line that stands first, and returns the exit code.
func report(err error, stderr io.Writer) int {
	var wrong usageError
	switch {
	case err == nil, errors.Is(err, errAnswered):
		return exitOK
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintf(stderr, "tcpproxy top: %s\n%s", top.Clean(err.Error()), usage)
		return exitUsage
	}
	_, _ = fmt.Fprintf(stderr, "tcpproxy top: %s\n", top.Clean(err.Error()))
	return exitError
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	config, err := parse(args, stdout)
	if err != nil {
		return err
	}
	return top.Run(config, stdin, stdout)
}

// parse reads the command line, without the program's name.
func parse(args []string, stdout io.Writer) (top.Config, error) {
	var o options
	answered := false
	parser, err := kong.New(&o, kong.Name("tcpproxy top"), kong.Description(description),
		kong.Writers(stdout, io.Discard), kong.Exit(func(int) { answered = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoAppSummary: true, WrapUpperBound: 120}),
		kong.Help(func(options kong.HelpOptions, ctx *kong.Context) error {
			if _, err := io.WriteString(ctx.Stdout, usage); err != nil {
				return err
			}
			return kong.DefaultHelpPrinter(options, ctx)
		}))
	if err != nil {
		return top.Config{}, err // a mistake in the struct tags
	}
	_, err = parser.Parse(args)
	switch {
	case answered:
		return top.Config{}, errAnswered
	case err != nil:
		return top.Config{}, usageError{err}
	}
	if _, port, err := net.SplitHostPort(o.Admin); err != nil || port == "" {
		return top.Config{}, usageError{fmt.Errorf("--admin: got %q, but it takes a host:port such as 127.0.0.1:9090", o.Admin)}
	}
	return top.Config{Addr: o.Admin, TokenFile: o.AdminTokenFile}, nil
}
