package main

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"tcpproxy/actors"
)

// Every wrong command line: its error names the argument and says what that takes.
func TestUsageErrors(t *testing.T) {
	const (
		takesHost  = "it takes a host name or an IP address"
		takesPort  = "it takes a port from 1 to 65535 or a service name such as http"
		takesTime  = "it takes a time of 0 or more with its unit"
		takesCount = "it takes a whole number from 0"
	)
	for _, test := range []struct {
		args  string // separated by blanks; '' is the empty argument
		names string // what the error begins with
		says  string
	}{
		{"", "destination-host is missing", takesHost},
		{"'' 80 3000", `destination-host: got ""`, takesHost},
		{"[] 80 3000", `destination-host: got "[]"`, takesHost},
		{"http://example.org/ 80 3000", `destination-host: got "http://`, takesHost},
		{"127.0.0.1:80 80 3000", `destination-host: got "127.0.0.1:80"`, "host and port are two arguments: 127.0.0.1 80"},
		{"example.org:http 80 3000", `destination-host: got "example.org:http"`, "host and port are two arguments: example.org http"},
		{"[::1]:80 80 3000", `destination-host: got "[::1]:80"`, "host and port are two arguments: ::1 80"},
		{"a:b 80 3000", `destination-host: got "a:b"`, "host and port are two arguments: a b"},
		{"example.org: 80 3000", `destination-host: got "example.org:"`, takesHost},
		{"[[::1]] 80 3000", `destination-host: got "[[::1]]"`, takesHost},
		{"[::1 80 3000", `destination-host: got "[::1"`, takesHost},
		{"::1] 80 3000", `destination-host: got "::1]"`, takesHost},
		{"[localhost] 80 3000", `destination-host: got "[localhost]"`, takesHost},
		{"::12345 80 3000", `destination-host: got "::12345"`, takesHost},
		{"300.0.0.1 80 3000", `destination-host: got "300.0.0.1"`, takesHost},
		{"127.1 80 3000", `destination-host: got "127.1"`, takesHost},
		{"user@host 80 3000", `destination-host: got "user@host"`, takesHost},
		{"host\x00 80 3000", `destination-host: got "host\x00"`, takesHost},
		{"host", "destination-port is missing", takesPort},
		{"host '' 3000", `destination-port: got ""`, takesPort},
		{"host 0 3000", `destination-port: got "0"`, takesPort},
		{"host 65536 3000", `destination-port: got "65536"`, takesPort},
		{"host 99999999999999999999 3000", `destination-port: got "99999999999999999999"`, takesPort},
		{"host nosuchservice 3000", `destination-port: got "nosuchservice"`, takesPort},
		{"host 80", "listen-port is missing", takesPort},
		{"host 80 0", `listen-port: got "0"`, takesPort},
		{"host 80 70000", `listen-port: got "70000"`, takesPort},
		{"host 80 -- -1", `listen-port: got "-1"`, takesPort},
		{"host 80 -1", "got a negative number", "a port is from 1 to 65535"},
		{"host 80 3000 4000", "unexpected argument 4000", "listen-port is the last argument"},

		{"--listen-host 127.0.0.1:3000 host 80 3000", `--listen-host: got "127.0.0.1:3000"`, "two arguments: --listen-host 127.0.0.1 ... 3000"},
		{"--listen-host [[::1]] host 80 3000", `--listen-host: got "[[::1]]"`, takesHost},
		{"--listen-host * host 80 3000", `--listen-host: got "*"`, takesHost},
		{"--listen-host a:b --demo", `--listen-host: got "a:b"`, "host and port are two arguments"},

		{"127.0.0.1 3000 3000", "it would forward to itself:", "choose another listen-port"},
		{"--listen-host [::1] [::1] 3000 3000", "it would forward to itself:", "choose another listen-port"},

		{"--nonsense host 80 3000", "unknown flag --nonsense", ""},
		{"-x host 80 3000", "unknown flag -x", ""},
		{"--idle-timeout -5s host 80 3000", `--idle-timeout: got "-5s"`, takesTime},
		{"--idle-timeout=10 host 80 3000", `--idle-timeout: got "10"`, takesTime},
		{"--hang-timeout=-1ms host 80 3000", `--hang-timeout: got "-1ms"`, takesTime},
		{"--drain-timeout=soon host 80 3000", `--drain-timeout: got "soon"`, takesTime},
		{"--connect-timeout=-1s host 80 3000", `--connect-timeout: got "-1s"`, takesTime},
		{"--connect-timeout=0 host 80 3000", "--connect-timeout:", "more than 0"},
		{"host 80 3000 --idle-timeout", `--idle-timeout: got ""`, takesTime},
		{"--no-timeouts --idle-timeout 10s host 80 3000", "--no-timeouts:", "it does not go with --idle-timeout 10s"},
		{"--hang-timeout 1m host 80 3000 --no-timeouts --idle-timeout 0", "--no-timeouts:", "it does not go with --hang-timeout 1m0s"},
		{"--max-sessions -1 host 80 3000", `--max-sessions: got "-1"`, takesCount},
		{"--max-sessions many host 80 3000", `--max-sessions: got "many"`, takesCount},
		{"host 80 3000 --log-level", "--log-level: its value is missing", ""},
		{"host 80 3000 --chaos-seed", "--chaos-seed: its value is missing", ""},
		{"--log-level loud host 80 3000", "--log-level must be one of", `"debug","info","warn","error" but got "loud"`},
		{"--log-format xml host 80 3000", "--log-format must be one of", `"text","json" but got "xml"`},

		{
			"--supervision best host 80 3000", "--supervision must be one of",
			`"one-for-one","all-for-one","rest-for-one","backoff","resume","stop","escalate" but got "best"`,
		},
		{"--session-supervision best host 80 3000", "--session-supervision must be one of", `"restart","stop" but got "best"`},
		{"--max-restarts 0 host 80 3000", "--max-restarts:", "a whole number from 1"},
		{"--chaos -1 host 80 3000", `--chaos: got "-1"`, "it takes a number a second from 0"},
		{"--chaos NaN host 80 3000", `--chaos: got "NaN"`, "it takes a number a second from 0"},
		{"--chaos 1 --chaos-target process host 80 3000", `--chaos-target process`, "it takes --survive too"},
		{"--chaos 1 --chaos-target [ host 80 3000", `--chaos-target: got "["`, "it takes a pattern of PIDs"},
		{"--within 0 host 80 3000", "--within:", "more than 0"},

		{"--admin localhost host 80 3000", `--admin: got "localhost"`, "it takes a host:port"},
		{"--admin 127.0.0.1: host 80 3000", `--admin: got "127.0.0.1:"`, "it takes a host:port"},
		{"--admin 127.0.0.1:99999 host 80 3000", `--admin: got "127.0.0.1:99999"`, "it takes a host:port"},
		{"--admin 127.0.0.1:-1 host 80 3000", `--admin: got "127.0.0.1:-1"`, "it takes a host:port"},
		{"--admin :abc host 80 3000", `--admin: got ":abc"`, "it takes a host:port"},
		{"--admin ::1:9900 host 80 3000", `--admin: got "::1:9900"`, "it takes a host:port"},
		{"--admin http://localhost:9900 host 80 3000", `--admin: got "http://localhost:9900"`, "it takes a host:port"},
		{"--admin 127.0.0.300:9900 host 80 3000", `--admin: got "127.0.0.300:9900"`, "it takes a host:port"},
		{"--admin [::1%]:9900 host 80 3000", `--admin: got "[::1%]:9900"`, "it takes a host:port"},
		{"--admin :9900 host 80 3000", "--admin: :9900 is not a loopback address", "--admin-token-file"},
		{"--admin 192.0.2.1:9900 host 80 3000", "--admin: 192.0.2.1:9900 is not a loopback address", "--admin-token-file"},
		{"--admin-token-file f host 80 3000", "--admin-token-file:", "--admin"},
		{"--faults host 80 3000", "--faults:", "it takes --admin too"},

		{"--demo host 80", "--demo has a destination of its own", "listen-port"},
		{"--show host 80", "--demo has a destination of its own", "listen-port"},
		{"--show --admin :9900", "--admin: :9900 is not a loopback address", "--admin-token-file"},
		{"--demo 70000", `listen-port: got "70000"`, takesPort},
	} {
		args := strings.Fields(test.args)
		for i := range args {
			args[i] = strings.Trim(args[i], "'")
		}
		var stdout, stderr bytes.Buffer
		code := report(run(args, nil, &stdout, &stderr), &stderr)
		line, rest, _ := strings.Cut(stderr.String(), "\n")
		if code != exitUsage {
			t.Errorf("%s: exit code %d, want %d", test.args, code, exitUsage)
		}
		if !strings.HasPrefix(line, "tcpproxy: "+test.names) || !strings.Contains(line, test.says) {
			t.Errorf("%s:\n got %q\nwant %q and %q", test.args, line, test.names, test.says)
		}
		if !strings.HasPrefix(rest, usage) || stdout.Len() > 0 {
			t.Errorf("%s: after its first line, standard error has %q; standard output has %q", test.args, rest, stdout.String())
		}
	}
}

// The configuration when no flag is given, and when every one is.
func TestConfig(t *testing.T) {
	defaults := actors.DefaultConfig() // whoever embeds the proxy gets what the command line does
	defaults.Host, defaults.Port, defaults.ListenPort = "example.org", 80, 3000
	with := func(change func(*actors.Config)) actors.Config {
		changed := defaults
		change(&changed)
		return changed
	}
	for args, want := range map[string]actors.Config{
		"example.org 80 3000":                       defaults,
		"example.org http 3000":                     defaults,
		"::1 80 3000":                               with(func(c *actors.Config) { c.Host = "::1" }),
		"[::1] 80 3000":                             with(func(c *actors.Config) { c.Host = "::1" }),
		"[fe80::1%eth0] 80 3000":                    with(func(c *actors.Config) { c.Host = "fe80::1%eth0" }),
		"bücher.example 80 3000":                    with(func(c *actors.Config) { c.Host = "bücher.example" }),
		"--listen-host [::1] example.org 80 3000":   with(func(c *actors.Config) { c.ListenHost = "::1" }),
		"--listen-host my_host example.org 80 3000": with(func(c *actors.Config) { c.ListenHost = "my_host" }),
		"example.org https smtp":                    with(func(c *actors.Config) { c.Port, c.ListenPort = 443, 25 }),
		"--idle-timeout 0 --hang-timeout 0 --drain-timeout=0 example.org 80 3000": with(func(c *actors.Config) {
			c.IdleTimeout, c.HangTimeout, c.DrainTimeout = 0, 0, 0
		}),
		"--no-timeouts example.org 80 3000": with(func(c *actors.Config) { c.IdleTimeout, c.HangTimeout = 0, 0 }),
		"--no-timeouts --idle-timeout 0 --hang-timeout 0s example.org 80 3000": with(func(c *actors.Config) {
			c.IdleTimeout, c.HangTimeout = 0, 0
		}),
		"--no-timeouts=false --idle-timeout 5s example.org 80 3000": with(func(c *actors.Config) { c.IdleTimeout = 5 * time.Second }),
		"example.org 80 3000 --listen-host ::1 --idle-timeout 1m30s --hang-timeout 1s " +
			"--connect-timeout 2s --drain-timeout 3s --max-sessions 7": with(func(c *actors.Config) {
			c.ListenHost, c.MaxSessions = "::1", 7
			c.IdleTimeout, c.HangTimeout, c.ConnectTimeout, c.DrainTimeout = 90*time.Second, time.Second, 2*time.Second, 3*time.Second
		}),
		"--supervision escalate --max-restarts 3 --within 5s --session-supervision stop example.org 80 3000": with(func(c *actors.Config) {
			c.Supervision, c.MaxRestarts, c.Within, c.SessionSupervision = "escalate", 3, 5*time.Second, "stop"
		}),
		"--chaos 2.5 --chaos-seed 7 --chaos-target */acceptor example.org 80 3000": with(func(c *actors.Config) {
			c.Chaos, c.ChaosSeed, c.ChaosTarget = 2.5, 7, "*/acceptor"
		}),
		"--demo": with(func(c *actors.Config) { c.Host, c.Port, c.ListenHost = "", 0, "127.0.0.1" }),
		"--demo 3001": with(func(c *actors.Config) {
			c.Host, c.Port, c.ListenHost, c.ListenPort = "", 0, "127.0.0.1", 3001
		}),
		"--demo --listen-host ::1":               with(func(c *actors.Config) { c.Host, c.Port, c.ListenHost = "", 0, "::1" }),
		"--admin localhost:9900 --faults --demo": with(func(c *actors.Config) { c.Host, c.Port, c.ListenHost = "", 0, "127.0.0.1" }),

		"--admin [::1]:http example.org 80 3000":  defaults,
		"--admin 127.0.0.1:0 example.org 80 3000": defaults,
	} {
		plan, err := parse(strings.Fields(args), nil)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		plan.proxy.Lookup = nil // functions cannot be compared
		if !reflect.DeepEqual(plan.proxy, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", args, plan.proxy, want)
		}
	}
}

func TestEverySupervisionStrategyIsTaken(t *testing.T) {
	for _, name := range []string{"one-for-one", "all-for-one", "backoff", "resume", "stop", "escalate"} {
		if plan, err := parse([]string{"--supervision", name, "--demo"}, nil); err != nil || plan.proxy.Supervision != name {
			t.Errorf("--supervision %s: got %q, %v", name, plan.proxy.Supervision, err)
		}
	}
}

// The help must do without any other text: every flag, its unit, the way to switch the idle rule off.
func TestHelp(t *testing.T) {
	var stdout bytes.Buffer
	if _, err := parse([]string{"--help"}, &stdout); !errors.Is(err, errAnswered) {
		t.Fatalf("--help: %v", err)
	}
	help := strings.Join(strings.Fields(stdout.String()), " ")
	for _, part := range []string{
		"Usage: tcpproxy [flags] destination-host destination-port listen-port",
		"--idle-timeout=10s", "0 = never; even then, a session whose peer takes no bytes for --hang-timeout is reset", "Times take a unit",
		"--no-timeouts", "databases and the like", "tcpproxy --no-timeouts 10.0.0.5 ssh",
		"--hang-timeout=10s", "--connect-timeout=10s", "--drain-timeout=30s", "--max-sessions=0", "--listen-host=HOST",
		"--log-level", "--log-format", "--demo", "--version", "--supervision=NAME", "--max-restarts=10", "--within=10s",
		"--session-supervision", "--admin=ADDR", "--admin-token-file=FILE", "--faults", "Exit codes", "SIGQUIT", "SIGHUP is ignored",
	} {
		if !strings.Contains(help, part) {
			t.Errorf("the help lacks %q", part)
		}
	}
}

func TestVersion(t *testing.T) {
	var stdout bytes.Buffer
	if _, err := parse([]string{"--version"}, &stdout); !errors.Is(err, errAnswered) {
		t.Fatalf("--version: %v", err)
	}
	if !strings.HasPrefix(stdout.String(), "tcpproxy ") || strings.Count(stdout.String(), "\n") != 1 {
		t.Errorf("--version printed %q, want one line", stdout.String())
	}
}
