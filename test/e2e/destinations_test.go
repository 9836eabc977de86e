//go:build linux

package e2e

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/freeport"
)

// hosts has names with several addresses; the tests below give it to the proxy as its /etc/hosts.
const hosts = `
::1       localhost
127.0.0.1 localhost
127.0.0.2 three.example
127.0.0.3 three.example
127.0.0.4 three.example
`

// startWithHosts runs a proxy that sees our table of hosts in the place of the system's.
func startWithHosts(t *testing.T, destination string, flags ...string) *proxy {
	t.Helper()
	host, port, err := net.SplitHostPort(destination)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("unshare", "--mount", "mount", "--bind", file, "/etc/hosts").Run(); err != nil {
		skip(t, "the test may not mount a table of hosts: run it as root")
	}
	prepare := func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, file, binary}, c.Args[1:]...)
		c.Path = "/bin/sh"
		c.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
	return startWith(t, "127.0.0.1", prepare, func(listen string) []string {
		return append(append([]string{"--listen-host", "127.0.0.1"}, flags...), host, port, listen)
	})
}

// localhost is ::1 first and 127.0.0.1 then; many servers listen on only one of them.
func TestLocalhostFallsBackToTheOtherFamily(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			d := listenAlone(t, host)
			_, port, _ := net.SplitHostPort(d.host())
			s := startWithHosts(t, "localhost:"+port).connect(t, d)
			exchange(t, s.client, s.server)
		})
	}
}

// Whichever of a name's addresses has the server, it is found without delay.
func TestNameWithSeveralAddresses(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			port := freeport.For(t)
			p := startWithHosts(t, "three.example:"+port)
			began := time.Now()
			p.expectTurnedAway(t)
			p.logged(t, 1, "session closed", "cause=refused")
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("that nobody listens at three addresses took %v", took)
			}
			s := p.connect(t, listen(t, host+":"+port))
			exchange(t, s.client, s.server)
		})
	}
}

// An address that does not answer at all holds a client up for a moment only: the next one is tried beside it.
func TestSilentAddressDoesNotHoldUpTheNext(t *testing.T) {
	t.Parallel()
	port := freeport.For(t)
	_, silent := deafListener(t, netip.MustParseAddrPort("127.0.0.2:"+port))
	fill(t, silent)
	d := listen(t, "127.0.0.3:"+port)
	p := startWithHosts(t, "three.example:"+port)
	began := time.Now()
	s := p.connect(t, d)
	exchange(t, s.client, s.server)
	if took := time.Since(began); took > time.Second {
		t.Errorf("the silent address took %v", took)
	}
	p.restsAt(t, 3) // and the attempt there is given up
}

func TestIPv6AddressesOnBothSides(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		skip(t, "this machine has no IPv6")
	} else {
		_ = l.Close()
	}
	d := listen(t, "[::1]:0")
	_, port, _ := net.SplitHostPort(d.host())
	for _, host := range []string{"::1", "[::1]"} { // as in a URL, too
		t.Run(host, func(t *testing.T) {
			p := startWith(t, "::1", nil, func(listen string) []string {
				return []string{"--listen-host", "::1", host, port, listen}
			})
			s := p.connect(t, d)
			exchange(t, s.client, s.server)
		})
	}
}

// Without --listen-host clients come in over IPv4 and IPv6, whatever family the destination is of.
func TestListensOnAllAddresses(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(d.host())
	p := startWith(t, "127.0.0.1", nil, func(listen string) []string { return []string{"127.0.0.1", port, listen} })
	_, listening, _ := net.SplitHostPort(p.addr)
	for _, host := range []string{"127.0.0.1", "127.0.0.9", "::1"} {
		p.addr = net.JoinHostPort(host, listening)
		s := p.connect(t, d)
		exchange(t, s.client, s.server)
	}
}

// Ports may be given by the names that the system has for them.
func TestPortByServiceName(t *testing.T) {
	t.Parallel()
	p := startProxy(t, "127.0.0.1:http")
	p.logged(t, 1, "msg=listening", "destination=127.0.0.1:80")
}

// skip leaves a test out where the machine cannot run it. Where everything must run, with CI=true, that is a failure.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}
