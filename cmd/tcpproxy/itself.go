package main

import (
	"context"
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
		if actors.ForwardsToItself(netip.AddrPortFrom(listen, c.ListenPort), netip.AddrPortFrom(target, c.Port)) {
			return usageErrorf("it would forward to itself: it listens on %v, which is the destination %s %d: "+
				"choose another listen-port, or a --listen-host other than that", netip.AddrPortFrom(target.Unmap(), c.Port), c.Host, c.Port)
		}
	}
	return nil
}
