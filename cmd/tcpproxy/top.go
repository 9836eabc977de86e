package main

import (
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/top"
)

// topOptions is the command line of `tcpproxy top`.
type topOptions struct {
	Admin          string `default:"${showAdmin}" placeholder:"ADDR" help:"The host:port of the proxy's admin API (its --admin)."`
	AdminTokenFile string `placeholder:"FILE" help:"A file with the token that the API wants, if it wants one."`
}

const topUsage = "Usage: tcpproxy top [--admin ADDR] [--admin-token-file FILE]\n"

const topDescription = `Shows a running proxy in this terminal: its tree of actors, rates, and what its supervisors do. Without a terminal it prints what there
is, once, and exits; with 1 if the proxy cannot be reached.

Arrows move and fold, / searches, k kills the chosen actor by a panic and K by stopping it (the proxy takes --faults for that), s chooses
the strategy, e ends a session, q quits. To forward to a host that is called top, give its port and the listen-port, as ever.`

// isTop tells the command from a destination that is called top: that one has its port and the listen-port beside it, and the command has
// nothing but its own flags.
func isTop(args []string) bool {
	if len(args) == 0 || args[0] != "top" {
		return false
	}
	for rest := args[1:]; len(rest) > 0; rest = rest[1:] {
		flag, _, hasValue := strings.Cut(rest[0], "=")
		switch flag {
		case "--help", "-h":
		case "--admin", "--admin-token-file":
			if !hasValue && len(rest) > 1 {
				rest = rest[1:]
			}
		default:
			return false
		}
	}
	return true
}

// runTop shows a proxy, until the user has seen enough.
func runTop(args []string, stdout io.Writer) error {
	var o topOptions
	answered := false
	parser, err := kong.New(&o, kong.Name("tcpproxy top"), kong.Description(topDescription), kong.Vars{"showAdmin": showAdmin},
		kong.Writers(stdout, io.Discard), kong.Exit(func(int) { answered = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoAppSummary: true, WrapUpperBound: 120}),
		kong.Help(func(options kong.HelpOptions, ctx *kong.Context) error {
			if _, err := io.WriteString(ctx.Stdout, topUsage); err != nil {
				return err
			}
			return kong.DefaultHelpPrinter(options, ctx)
		}))
	if err != nil {
		return err // a mistake in the struct tags
	}
	_, err = parser.Parse(args)
	switch {
	case answered:
		return errAnswered
	case err != nil:
		return usageError{clarify(err)}
	case !canBeServed(o.Admin):
		return usageErrorf("--admin: got %q, but it takes a host:port such as %s", o.Admin, showAdmin)
	}
	config := top.Config{Addr: o.Admin, TokenFile: o.AdminTokenFile}
	for _, s := range actors.SupervisionStrategies() {
		config.Strategies = append(config.Strategies, top.Strategy{Name: s.Name, Summary: s.Summary})
	}
	return top.Run(config, os.Stdin, stdout)
}
