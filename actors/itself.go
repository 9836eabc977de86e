package actors

import (
	"errors"
	"net"
	"net/netip"
	"slices"
)

// errItself is why an address of the destination is not used.
var errItself = errors.New("the proxy itself listens there: it would forward to itself")

// ForwardsToItself reports whether who listens at one address, and forwards to another, forwards to itself: the first client would be
// its own client, and that one too, until no descriptor is left. From any goroutine.
func ForwardsToItself(listen, to netip.AddrPort) bool {
	return listen.Port() == to.Port() && listensAt(listen.Addr().Unmap(), reached(to.Addr().Unmap()))
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
