package main

import (
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/admin"
)

const usage = `Usage: tcpproxy [flags] destination-host destination-port listen-port
       tcpproxy [flags] --demo|--show [listen-port]
       tcpproxy top [--admin ADDR] [--admin-token-file FILE]
`

const description = `Forwards TCP connections. Each client that connects to listen-port gets a connection of its own to the destination;
bytes go both ways until both sides have ended, or until nothing moves for the idle timeout.`

const examples = `
Examples:
  tcpproxy --demo                                    try it out, nothing else needed
  tcpproxy --show                                    and watch it in a browser
  tcpproxy example.org http 3000                     forward port 3000 of this machine to a web server
  tcpproxy --no-timeouts 10.0.0.5 ssh 2222           for SSH and the like: silent sessions live on
  tcpproxy --no-timeouts --listen-host 127.0.0.1 db.local 5432 5432
  tcpproxy top --admin 127.0.0.1:9900                watch a proxy in this terminal; a host called top takes its two ports as ever

Times take a unit (ms, s, m, h). SIGHUP is ignored. Exit codes: 0 after a signal, 1 when the proxy cannot run, 2 for a wrong command line.
`

// usageError is a command line that cannot be obeyed: the program exits with 2.
type usageError struct{ error }

// Unwrap gives the cause to errors.Is and errors.As.
func (e usageError) Unwrap() error { return e.error }

func usageErrorf(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errAnswered says that the command line only asked for text, such as the help, and got it.
var errAnswered = errors.New("answered")

// plan is a command line that holds together.
type plan struct {
	options
	proxy actors.Config // without destination if Demo is set: the demo's server has yet to start
	free  freePorts
}

// parse turns the arguments (without the program's name) into a plan. The error is a usageError, or errAnswered when
// --help or --version wrote their text to stdout.
func parse(args []string, stdout io.Writer) (plan, error) {
	var p plan
	answered := false
	parser, err := kong.New(&p.options,
		kong.Name("tcpproxy"),
		kong.Description(description),
		strategyVars(),
		helpTexts,
		kong.Writers(stdout, io.Discard),
		kong.Exit(func(int) { answered = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoAppSummary: true, WrapUpperBound: 120}),
		kong.Help(printHelp),
	)
	if err != nil {
		return plan{}, err // a mistake in the struct tags of options
	}
	ctx, err := parser.Parse(args)
	switch {
	case answered:
		return plan{}, errAnswered
	case err != nil:
		return plan{}, usageError{clarify(err)}
	}
	if err := p.settleTimeouts(given(ctx)); err != nil {
		return plan{}, err
	}
	return p, p.settle()
}

// strategyVars are what the flags' tags take from the table of strategies: their names, and help texts with a sentence on each.
func strategyVars() kong.Vars {
	names := func(all []actors.Strategy) string {
		list := make([]string, len(all))
		for i, s := range all {
			list[i] = s.Name
		}
		return strings.Join(list, ",")
	}
	help := func(start string, all []actors.Strategy) string {
		list := make([]string, len(all))
		for i, s := range all {
			list[i] = s.Name + " = " + s.Summary
		}
		return start + strings.Join(list, "; ") + ". The default is " + all[0].Name + "."
	}
	children, sessions := actors.SupervisionStrategies(), actors.SessionStrategies()
	return kong.Vars{
		"version":                  version(),
		"strategies":               names(children),
		"strategyDefault":          children[0].Name,
		"help_supervision":         help("When a reader or writer of a session fails: ", children),
		"sessionStrategies":        names(sessions),
		"sessionDefault":           sessions[0].Name,
		"help_session_supervision": help("When a session fails: ", sessions),
	}
}

// given are the names of the flags that stand on the command line.
func given(ctx *kong.Context) map[string]bool {
	names := map[string]bool{}
	for _, step := range ctx.Path {
		if step.Flag != nil {
			names[step.Flag.Name] = true
		}
	}
	return names
}

// clarify says what is expected where kong's error only names the argument.
func clarify(err error) error {
	switch text := err.Error(); {
	case strings.HasPrefix(text, "unexpected argument "):
		return fmt.Errorf("%w: listen-port is the last argument, only flags may follow it", err)
	case negativeNumber.MatchString(text):
		return errors.New("got a negative number where an argument stands, but a port is from 1 to 65535")
	case strings.HasSuffix(text, `but got "EOL" (<EOL>)`):
		flag, _, _ := strings.Cut(text, ":")
		return fmt.Errorf("%s: its value is missing at the end of the command line", flag)
	}
	return err
}

// negativeNumber is what kong says of a negative port, which it reads as a short flag.
var negativeNumber = regexp.MustCompile(`^unknown flag -[0-9]`)

func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if _, err := io.WriteString(ctx.Stdout, usage); err != nil {
		return err
	}
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	_, err := io.WriteString(ctx.Stdout, examples)
	return err
}

// settle checks what kong cannot see in a single flag, and fills in the proxy's configuration.
func (p *plan) settle() (err error) {
	p.settleShow()
	p.proxy = p.config()
	if p.Demo {
		err = p.settleDemo()
	} else {
		err = p.settleDestination()
	}
	if err == nil && p.ListenHost != "" {
		p.proxy.ListenHost, err = parseHost("--listen-host", &p.ListenHost)
	}
	switch {
	case err != nil:
		return err
	case p.ConnectTimeout == 0:
		return usageErrorf("--connect-timeout: it takes a time of more than 0, such as 10s")
	case p.Within == 0:
		return usageErrorf("--within: it takes a time of more than 0, such as 10s")
	case p.MaxRestarts == 0:
		return usageErrorf("--max-restarts: it takes a whole number from 1; --supervision stop allows no restart at all")
	}
	if p.ChaosTarget == actors.ChaosProcess && !p.Survive {
		return usageErrorf("--chaos-target process: it takes --survive too, or the sessions would end with the process")
	}
	if _, err := path.Match(p.ChaosTarget, ""); err != nil {
		return usageErrorf("--chaos-target: got %q, but it takes a pattern of PIDs such as listener/session-*/client-reader", p.ChaosTarget)
	}
	return p.settleAdmin()
}

// settleTimeouts obeys --no-timeouts, which does not go with a timeout, not even one that is the default.
func (p *plan) settleTimeouts(given map[string]bool) error {
	if !p.NoTimeouts {
		return nil
	}
	for _, flag := range []struct {
		name  string
		value *duration
	}{{"idle-timeout", &p.IdleTimeout}, {"hang-timeout", &p.HangTimeout}} {
		if given[flag.name] && *flag.value != 0 {
			return usageErrorf("--no-timeouts: it sets --%[1]s to 0, so it does not go with --%[1]s %[2]v: leave one of the two out",
				flag.name, flag.value.std())
		}
		*flag.value = 0
	}
	return nil
}

func (p *plan) settleDestination() (err error) {
	if p.proxy.Host, err = parseHost("destination-host", p.DestinationHost); err != nil {
		return err
	}
	if p.proxy.Port, err = parsePort("destination-port", p.DestinationPort); err != nil {
		return err
	}
	p.proxy.ListenPort, err = parsePort("listen-port", p.ListenPort)
	return err
}

// settleDemo reads the one argument that --demo leaves: the first of the command line is then the listening port.
func (p *plan) settleDemo() (err error) {
	if p.DestinationPort != nil {
		return usageErrorf("--demo has a destination of its own: beside it the only argument is a listen-port, but got %q and %q",
			*p.DestinationHost, *p.DestinationPort)
	}
	if p.ListenHost == "" {
		p.proxy.ListenHost = "127.0.0.1"
	}
	p.proxy.ListenPort = 3000
	if p.DestinationHost != nil {
		p.proxy.ListenPort, err = parsePort("listen-port", p.DestinationHost)
	}
	return err
}

func (p *plan) settleAdmin() error {
	if p.Admin == "" {
		switch {
		case p.AdminTokenFile != "":
			return usageErrorf("--admin-token-file: without --admin there is no API to protect")
		case p.Faults:
			return usageErrorf("--faults: it takes --admin too, since faults come through its API")
		}
		return nil
	}
	loopback, err := admin.Loopback(p.Admin)
	if err != nil || !canBeServed(p.Admin) {
		return usageErrorf("--admin: got %q, but it takes a host:port such as 127.0.0.1:9900", p.Admin)
	}
	if !loopback && p.AdminTokenFile == "" {
		return usageErrorf("--admin: %s is not a loopback address: it takes --admin-token-file too", p.Admin)
	}
	return nil
}
