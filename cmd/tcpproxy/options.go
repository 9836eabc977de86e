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
	Demo    bool             `help:"${help_demo}"`
	Show    bool             `help:"${help_show}"`

	ListenHost     string   `placeholder:"HOST" help:"${help_listen_host}"`
	IdleTimeout    duration `default:"10s" help:"${help_idle_timeout}"`
	HangTimeout    duration `default:"10s" help:"${help_hang_timeout}"`
	NoTimeouts     bool     `help:"${help_no_timeouts}"`
	ConnectTimeout duration `default:"10s" help:"Give up when the destination does not answer within this time, look-up of its name included."`
	DrainTimeout   duration `default:"30s" help:"${help_drain_timeout}"`
	MaxSessions    count    `default:"0" help:"${help_max_sessions}"`

	Loops count `default:"0" help:"Readiness loops, each with a listener and sessions of its own. 0 = one for every two processors."`

	LogLevel  string `enum:"debug,info,warn,error" default:"info" help:"${help_log_level}"`
	LogFormat string `enum:"text,json" default:"text" help:"text or json, one line each, on standard error."`

	supervisionFlags `embed:"" group:"Supervision (what happens when an actor of the proxy fails):"`
	survivalFlags    `embed:"" group:"Survival (what happens when the process fails):"`
	adminFlags       `embed:"" group:"Admin API:"`
}

// supervisionFlags choose the strategies of the supervision tree.
type supervisionFlags struct {
	Supervision        string   `enum:"${strategies}" default:"${strategyDefault}" placeholder:"NAME" help:"${help_supervision}"`
	MaxRestarts        count    `default:"10" help:"${help_max_restarts}"`
	Within             duration `default:"10s" help:"The time over which --max-restarts counts."`
	SessionSupervision string   `enum:"${sessionStrategies}" default:"${sessionDefault}" placeholder:"NAME" help:"${help_session_supervision}"`
	Chaos              rate     `default:"0" placeholder:"RATE" help:"${help_chaos}"`
	ChaosSeed          uint64   `default:"1" help:"The same seed and the same traffic kill the same kinds of actor in the same order."`
	ChaosTarget        string   `default:"*/session-*/*" placeholder:"GLOB" help:"${help_chaos_target}"`
}

// survivalFlags make connections outlive the process.
type survivalFlags struct {
	Survive      bool  `help:"${help_survive}"`
	SurviveCheck count `hidden:"" help:"${help_survive_check}"`
}

// adminFlags open the HTTP API.
type adminFlags struct {
	Admin          string `placeholder:"ADDR" help:"${help_admin}"`
	AdminTokenFile string `placeholder:"FILE" help:"${help_admin_token_file}"`
	Faults         bool   `help:"${help_faults}"`
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
