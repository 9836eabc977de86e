package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"tcpproxy/actors"
)

// names is a lookup that knows a few, and one that nobody answers for.
func names(ctx context.Context, host string) ([]netip.Addr, error) {
	loopback4, loopback6, other := netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback(), netip.MustParseAddr("203.0.113.7")
	switch host {
	case "self":
		return []netip.Addr{loopback4}, nil
	case "both":
		return []netip.Addr{loopback6, loopback4}, nil
	case "other":
		return []netip.Addr{other}, nil
	case "cluster":
		return []netip.Addr{other, loopback4}, nil
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	return nil, errors.New("no such host")
}

// Who would forward to itself, and who only seems to.
func TestForwardingToItself(t *testing.T) {
	synctest.Test(t, testForwardingToItself) // so that a look-up that takes too long takes no time
}

func testForwardingToItself(t *testing.T) {
	own := "::1"
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if network, ok := a.(*net.IPNet); ok && !network.IP.IsLoopback() && !network.IP.IsLinkLocalUnicast() {
			own = network.IP.String()
		}
	}
	for _, test := range []struct {
		listen, host string
		refused      bool
	}{
		{"", "127.0.0.1", true},
		{"", "::1", true},
		{"", "::ffff:127.0.0.1", true},
		{"", "0.0.0.0", true},
		{"", "::", true},
		{"", own, true},
		{"", "self", true},
		{"", "cluster", true},
		{"", "other", false},
		{"", "203.0.113.7", false},
		{"", "unknown", false},
		{"", "slow", false},
		{"0.0.0.0", "127.0.0.1", true},
		{"0.0.0.0", "::1", false},
		{"::", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "0.0.0.0", true},
		{"127.0.0.1", "both", true},
		{"127.0.0.1", "::1", false},
		{"127.0.0.2", "127.0.0.1", false},
		{"127.0.0.2", "0.0.0.0", false},
		{"::1", "::", true},
		{"both", "127.0.0.1", true}, // of a name's addresses the proxy takes the first of IPv4
		{"both", "::1", false},
		{"unknown", "127.0.0.1", false},
		{"slow", "127.0.0.1", false},
	} {
		err := refuseItself(actors.Config{ListenHost: test.listen, Host: test.host, Port: 3000, ListenPort: 3000}, names)
		var usage usageError
		if refused := err != nil; refused != test.refused || refused && !errors.As(err, &usage) {
			t.Errorf("from %q to %q: %v", test.listen, test.host, err)
		}
		if err := refuseItself(actors.Config{ListenHost: test.listen, Host: test.host, Port: 3000, ListenPort: 3001}, names); err != nil {
			t.Errorf("from %q to another port of %q: %v", test.listen, test.host, err)
		}
	}
	err := refuseItself(actors.Config{Host: "self", Port: 3000, ListenPort: 3000}, names)
	for _, part := range []string{"it would forward to itself", "127.0.0.1:3000", "self 3000", "another listen-port"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}
