package actors

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"tcpproxy/actors/internal/wire"
)

// listen makes the listening descriptors, one for each loop, all on one port.
func listen(cfg *Config) ([]int, error) {
	addr, err := listenAddr(cfg)
	if err != nil {
		return nil, err
	}
	fds, err := wire.Bind(addr, cfg.Loops)
	if err != nil && cfg.ListenHost == "" && wire.LacksIPv6(err) { // all addresses means IPv4 alone on a machine without IPv6
		addr = netip.AddrPortFrom(netip.IPv4Unspecified(), cfg.ListenPort)
		fds, err = wire.Bind(addr, cfg.Loops)
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(addr), Err: err}
	}
	return fds, nil
}

// listenAddr is the address to listen on. Of a name's addresses it is the first IPv4 one, if there is any, as in the net package.
func listenAddr(cfg *Config) (netip.AddrPort, error) {
	if cfg.ListenHost == "" {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), cfg.ListenPort), nil
	}
	if ip, err := netip.ParseAddr(cfg.ListenHost); err == nil {
		return netip.AddrPortFrom(ip, cfg.ListenPort), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cfg.ConnectTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", cfg.ListenHost)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("cannot listen on %q: %w", cfg.ListenHost, err)
	}
	for _, a := range addrs {
		if a.Unmap().Is4() {
			return netip.AddrPortFrom(a.Unmap(), cfg.ListenPort), nil
		}
	}
	return netip.AddrPortFrom(addrs[0], cfg.ListenPort), nil
}
