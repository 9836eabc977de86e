package main

import (
	"github.com/alecthomas/kong"

	"tcpproxy/actors"
)

// options is the command line as kong reads it: a field per argument and flag, in the order of the help text.
// The three arguments are pointers, so that a missing one differs from an empty one; destination and settle check them.
type options struct {
	DestinationHost *string `arg:"" optional:"" help:"Where to forward to: a host name or an IP address. All addresses of a name are tried."`
	DestinationPort *string `arg:"" optional:"" help:"Port of the destination: 1 to 65535, or a service name such as http."`
	ListenPort      *string `arg:"" optional:"" help:"Port to accept clients on: 1 to 65535, or a service name."`

	Version kong.VersionFlag `help:"Print the version and exit."`
	Demo    bool             `help:"Forward 127.0.0.1:3000, or the given listen-port, to a web server inside this program, and print two commands to try."`

	ListenHost     string   `placeholder:"HOST" help:"Address to accept clients on: a name or an IP address. The default is all addresses, IPv4 and IPv6."`
	IdleTimeout    duration `default:"10s" help:"End a session when no byte moved in either direction for so long. 0 = never; even then, a session whose peer takes no bytes for --hang-timeout is reset (curl ... | less, a paused import). For SSH, databases and the like use --no-timeouts."`
	HangTimeout    duration `default:"10s" help:"Reset a session when one side has taken none of the bytes that wait for it for so long. 0 = never."`
	NoTimeouts     bool     `help:"Let sessions be silent or stalled for as long as they like, as SSH, databases and the like may be: the same as --idle-timeout 0 --hang-timeout 0."`
	ConnectTimeout duration `default:"10s" help:"Give up when the destination does not answer within this time, look-up of its name included."`
	DrainTimeout   duration `default:"30s" help:"After SIGTERM or SIGINT, let live sessions run on for at most so long. 0 = end them at once. A second signal ends them too, and SIGQUIT ends them as the first."`
	MaxSessions    count    `default:"0" help:"Live sessions at most; further clients wait to be accepted. 0 = as many as the limit of open files (ulimit -n) allows."`

	Loops count `default:"0" help:"Readiness loops, each with a listener and sessions of its own. 0 = one for every two processors."`

	LogLevel  string `enum:"debug,info,warn,error" default:"info" help:"Least severe lines to log: debug, info, warn or error. debug shows every session."`
	LogFormat string `enum:"text,json" default:"text" help:"text or json, one line each, on standard error."`

	supervisionFlags `embed:"" group:"Supervision (what happens when an actor of the proxy fails):"`
	adminFlags       `embed:"" group:"Admin API:"`
}

// supervisionFlags choose the strategies of the supervision tree.
type supervisionFlags struct {
	Supervision        string   `enum:"${strategies}" default:"${strategy}" placeholder:"NAME" help:"When a reader or writer of a session fails: ${strategySummaries}. The default is ${strategy}."`
	MaxRestarts        count    `default:"10" help:"Restarts of one reader or writer that are allowed within --within; one more, and its session is reset."`
	Within             duration `default:"10s" help:"The time over which --max-restarts counts."`
	SessionSupervision string   `enum:"${sessionStrategies}" default:"${sessionStrategy}" placeholder:"NAME" help:"When a session fails: ${sessionSummaries}. The default is ${sessionStrategy}."`
	Chaos              rate     `default:"0" placeholder:"RATE" help:"Kill so many actors a second at random, to see what that does (nothing, it is hoped). 0 = none."`
	ChaosSeed          uint64   `default:"1" help:"The same seed and the same traffic kill the same kinds of actor in the same order."`
	ChaosTarget        string   `default:"*/session-*/*" placeholder:"GLOB" help:"Which actors --chaos may kill, by PID; * does not match a slash. 'listener*' is the listener itself, '*/acceptor' the acceptor, 'listener/session-*' the sessions, '*/*/*-reader' all readers. --max-restarts holds here as ever."`
}

// adminFlags open the HTTP API.
type adminFlags struct {
	Admin          string `placeholder:"ADDR" help:"Serve the admin API over HTTP on this host:port, such as 127.0.0.1:9900. Off by default. Any address but loopback takes --admin-token-file too."`
	AdminTokenFile string `placeholder:"FILE" help:"The API's callers must send the content of this file, of 4 KiB at most, as a bearer token."`
	Faults         bool   `help:"Let callers of the API make actors fail (POST /api/faults) and choose the strategy in force (PUT /api/supervision)."`
}

// config is what the actors are told, once the options hold together.
// The destination and the listening port are filled in by settle.
func (o *options) config() actors.Config {
	return actors.Config{
		ListenHost:         o.ListenHost,
		IdleTimeout:        o.IdleTimeout.std(),
		HangTimeout:        o.HangTimeout.std(),
		ConnectTimeout:     o.ConnectTimeout.std(),
		DrainTimeout:       o.DrainTimeout.std(),
		MaxSessions:        int(o.MaxSessions),
		Loops:              int(o.Loops),
		Supervision:        o.Supervision,
		MaxRestarts:        int(o.MaxRestarts),
		Within:             o.Within.std(),
		Chaos:              float64(o.Chaos),
		ChaosSeed:          o.ChaosSeed,
		ChaosTarget:        o.ChaosTarget,
		SessionSupervision: o.SessionSupervision,
	}
}
