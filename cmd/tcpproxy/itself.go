package main

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"tcpproxy/actors"
)

// quickly is how long the start may wait for names, and only where the ports make it look as if the proxy would forward to itself.
const quickly = 500 * time.Millisecond

// refuseItself finds a destination that is where the proxy listens: its first client would be its own client, and that one too, until no
// descriptor is left. What cannot be known in time is let pass.
func refuseItself(c actors.Config, find lookup) error {
	if c.Port != c.ListenPort { // the demo's destination has yet to get its port
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), quickly)
	defer cancel()
	listen := netip.IPv6Unspecified()
	if c.ListenHost != "" {
		addrs, err := find(ctx, c.ListenHost)
		if err != nil || len(addrs) == 0 {
			return nil // the proxy will say so itself
		}
		// The same choice that the proxy makes.
		listen = addrs[max(0, slices.IndexFunc(addrs, func(a netip.Addr) bool { return a.Unmap().Is4() }))].Unmap()
	}
	targets, _ := find(ctx, c.Host)
	for _, target := range targets {
		if target = reached(target.Unmap()); listensAt(listen, target) {
			return usageErrorf("it would forward to itself: it listens on %v, which is the destination %s %d: "+
				"choose another listen-port, or a --listen-host other than that", netip.AddrPortFrom(target, c.Port), c.Host, c.Port)
		}
	}
	return nil
}

// reached is the address that a connection to an address comes to: to no address in particular means to this machine.
func reached(target netip.Addr) netip.Addr {
	switch target {
	case netip.IPv4Unspecified():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case netip.IPv6Unspecified():
		return netip.IPv6Loopback()
	}
	return target
}

// listensAt reports whether who listens on an address, which may be the unspecified one, listens on another with it. All addresses of
// IPv6 are those of IPv4 too.
func listensAt(listen, target netip.Addr) bool {
	switch {
	case !listen.IsUnspecified():
		return listen == target
	case listen.Is4() && !target.Is4():
		return false
	}
	return target.IsLoopback() || slices.Contains(ownAddrs(), target)
}

// ownAddrs are the addresses of this machine, as far as the system tells.
func ownAddrs() (own []netip.Addr) {
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if network, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(network.IP); ok {
				own = append(own, ip.Unmap())
			}
		}
	}
	return own
}
