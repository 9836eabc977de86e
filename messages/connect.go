package messages

import "net/netip"

// Resolved: resolver → every session that asked. The destination's addresses, best first, or why there are none.
type Resolved struct {
	Addrs []netip.Addr
	Err   error
}
