//go:build linux

package e2e

import (
	"bytes"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/freeport"
)

// outcome runs the program to its end.
func outcome(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out bytes.Buffer
	p := spawn(t, func(c *exec.Cmd) { c.Stdout = &out }, args...)
	code = p.exitCode(patience)
	return code, out.String(), p.log.String()
}

// A command line that cannot be obeyed: exit code 2, one line that names the argument and what it takes, then the usage.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args string
		says []string // in the first line
	}{
		{"", []string{"destination-host", "missing"}},
		{"example.org", []string{"destination-port", "missing", "1 to 65535"}},
		{"example.org 80", []string{"listen-port", "missing", "1 to 65535"}},
		{"example.org 80 3000 4000", []string{"4000"}},
		{"'' 80 3000", []string{"destination-host", "host name"}},
		{"127.0.0.1:80 80 3000", []string{"destination-host", "host and port are two arguments: 127.0.0.1 80"}},
		{"a:b 80 3000", []string{"destination-host", "host and port are two arguments: a b"}},
		{"[[::1]] 80 3000", []string{"destination-host", "[[::1]]", "host name"}},
		{"--listen-host 127.0.0.1:3000 example.org 80 3000", []string{"--listen-host", "host and port are two arguments"}},
		{"example.org 0 3000", []string{"destination-port", "1 to 65535"}},
		{"example.org 65536 3000", []string{"destination-port", "1 to 65535"}},
		{"example.org 80 -1", []string{"1 to 65535"}},
		{"example.org 80 no-such-service", []string{"listen-port", "no-such-service", "service name"}},
		{"--idle-timeout -1s example.org 80 3000", []string{"--idle-timeout", "0 or more"}},
		{"--hang-timeout soon example.org 80 3000", []string{"--hang-timeout", "soon"}},
		{"--connect-timeout 0 example.org 80 3000", []string{"--connect-timeout", "more than 0"}},
		{"--drain-timeout -5s example.org 80 3000", []string{"--drain-timeout"}},
		{"--no-timeouts --idle-timeout 1h example.org 80 3000", []string{"--no-timeouts", "--idle-timeout 1h", "leave one of the two out"}},
		{"--max-sessions -3 example.org 80 3000", []string{"--max-sessions", "whole number"}},
		{"--log-format xml example.org 80 3000", []string{"--log-format", "text", "json"}},
		{"--log-level loud example.org 80 3000", []string{"--log-level", "debug"}},
		{"127.0.0.1 3000 3000", []string{"it would forward to itself", "127.0.0.1:3000", "another listen-port"}},
		{"localhost 3000 3000", []string{"it would forward to itself", "localhost 3000"}},
		{"--listen-host 127.0.0.1 localhost 3000 3000", []string{"it would forward to itself", "127.0.0.1:3000"}},
		{"--admin 127.0.0.1:99999 example.org 80 3000", []string{"--admin", "127.0.0.1:99999", "host:port"}},
		{"--admin :abc example.org 80 3000", []string{"--admin", ":abc", "host:port"}},
		{"--no-such-flag example.org 80 3000", []string{"--no-such-flag"}},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(test.args)
			for i, a := range args {
				if a == "''" {
					args[i] = ""
				}
			}
			code, stdout, stderr := outcome(t, args...)
			if code != 2 || stdout != "" {
				t.Errorf("exit code %d, standard output %q", code, stdout)
			}
			first, rest, _ := strings.Cut(stderr, "\n")
			for _, part := range test.says {
				if !strings.Contains(first, part) {
					t.Errorf("the first line does not say %q: %s", part, first)
				}
			}
			if !strings.HasPrefix(rest, "Usage: tcpproxy ") {
				t.Errorf("no usage follows: %q", rest)
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := outcome(t, "--help")
	if code != 0 || stderr != "" {
		t.Errorf("--help: exit code %d, standard error %q", code, stderr)
	}
	for _, part := range []string{
		"Usage: tcpproxy", "--idle-timeout", "10s", "SSH", "--hang-timeout", "--no-timeouts", "--max-sessions", "--demo",
	} {
		if !strings.Contains(stdout, part) {
			t.Errorf("the help does not mention %q", part)
		}
	}
	if code, stdout, stderr := outcome(t, "--version"); code != 0 || strings.TrimSpace(stdout) == "" || stderr != "" {
		t.Errorf("--version: exit code %d, standard output %q, standard error %q", code, stdout, stderr)
	}
}

// An IPv6 address to listen on may stand in brackets, as it does in a URL.
func TestListenHostInBrackets(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(d.host())
	p := startWith(t, "::1", nil, func(listen string) []string { return []string{"--listen-host", "[::1]", "127.0.0.1", port, listen} })
	s := p.connect(t, d)
	exchange(t, s.client, s.server)
}

// Between two addresses of this machine a proxy may well forward to the port that it listens on.
func TestSamePortOfAnotherAddress(t *testing.T) {
	t.Parallel()
	port := freeport.For(t)
	d := listen(t, "127.0.0.1:"+port)
	p := spawn(t, nil, "--log-level", "debug", "--listen-host", "127.0.0.2", "127.0.0.1", port, port)
	p.addr = "127.0.0.2:" + port
	p.logged(t, 1, "msg=listening")
	s := p.connect(t, d)
	exchange(t, s.client, s.server)
}

// A name that has no address is most likely misspelt: that shows at the start, which it does not hold up, and not only when a client comes.
func TestUnresolvableNameShowsAtTheStart(t *testing.T) {
	t.Parallel()
	p := startProxy(t, "no..such.name:80")
	p.logged(t, 1, "level=WARN", "destination not resolved", "destination=no..such.name")
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A port that somebody else listens on: exit code 1, one line with address and cause.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(d.host())
	cannotListen(t, "127.0.0.1", port, d.host(), "address already in use")
	// Nor can all addresses be had, if one cannot.
	cannotListen(t, "", port, port, "address already in use")
}

func TestListenAddressOfAnotherMachine(t *testing.T) {
	t.Parallel()
	cannotListen(t, "192.0.2.1", freeport.For(t), "192.0.2.1:", "cannot assign requested address")
}

func cannotListen(t *testing.T, host, port string, says ...string) {
	t.Helper()
	began := time.Now()
	code, _, stderr := outcome(t, "--log-level", "warn", "--listen-host", host, "127.0.0.1", "80", port)
	if code != 1 || len(lines(stderr)) != 1 {
		t.Errorf("exit code %d after %v, standard error %q", code, time.Since(began), stderr)
	}
	for _, part := range says {
		if !strings.Contains(stderr, part) {
			t.Errorf("standard error does not say %q: %s", part, stderr)
		}
	}
}

// Every way to run two proxies on one port ends with the first one at work and the second one gone.
func TestSecondProxyOnTheSamePort(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	p := startProxy(t, d.host())
	_, port, _ := net.SplitHostPort(p.addr)
	cannotListen(t, "127.0.0.1", port, p.addr, "address already in use")
	s := p.connect(t, d)
	exchange(t, s.client, s.server)
}

// The same port can be had again at once, though connections of the last proxy linger in the system.
func TestRestartOnTheSamePort(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	p := startProxy(t, d.host())
	s := p.connect(t, d)
	_ = s.server.Close() // the proxy's side closes first, and waits in TIME_WAIT
	expectEnd(t, s.client)
	_ = p.cmd.Process.Kill()
	<-p.ended
	_, destinationPort, _ := net.SplitHostPort(d.host())
	_, port, _ := net.SplitHostPort(p.addr)
	again := spawn(t, nil, "--log-level", "debug", "--listen-host", "127.0.0.1", "127.0.0.1", destinationPort, port)
	again.addr = p.addr
	again.logged(t, 1, "msg=listening")
	s = again.connect(t, d)
	exchange(t, s.client, s.server)
}
