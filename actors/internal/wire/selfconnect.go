package wire

import (
	"fmt"
	"net/netip"
	"sync"
)

// A connection can have one end only. To a port of this machine on which nobody listens, and which lies in the range that the system
// takes source ports from, a connect meets itself once in some ten thousand times: the system picks that very port for it, its SYN comes
// back to it, and TCP takes that for two sides that open at once. A client would get its own bytes back as an echo, and the real server
// would find its port taken. So connect asks for the source port where that can happen, and has another one given.

// connectFrom is connect with sockets of the caller's making.
func connectFrom(socket func(family int) (int, error), to netip.AddrPort) (fd int, err error) {
	fd, err = begin(socket, to)
	if err != nil || !mayMeetItself(to) || !meetsItself(LocalAddr(fd), to) {
		return fd, err
	}
	// Closed only when the other one is there: as long as this one holds the port, the other cannot get it, so one more is enough. With a
	// RST, since a close in good order would leave the port in TIME_WAIT.
	defer ResetDescriptor(fd)
	return begin(socket, to)
}

// mayMeetItself reports whether the system might pick the destination's port for the source. It goes by the port alone, and saves most
// destinations a system call. That the address is one of this machine is needed, too; but which those are changes while we run, and
// asking costs as much as the question for the source.
func mayMeetItself(to netip.AddrPort) bool {
	first, last := sourcePorts()
	return first <= to.Port() && to.Port() <= last
}

// meetsItself reports whether the two ends of a connection are one. The unspecified address, as a destination, is the one that the
// connection comes from. Zones do not count: they may be names or numbers, and an address of this machine has no namesake that it could
// reach from itself.
func meetsItself(from, to netip.AddrPort) bool {
	target := to.Addr().Unmap()
	return from.Port() == to.Port() && (target.IsUnspecified() || from.Addr().WithZone("") == target.WithZone(""))
}

// sourcePorts is the range of ports that the system gives to connections whose maker does not care. It is read once: who changes the
// range while we run gets the old answer.
var sourcePorts = sync.OnceValues(func() (first, last uint16) { return parseRange(sourcePortRange()) })

// parseRange reads two numbers. Whatever else the system says, or if it says nothing, every port may be a source port.
func parseRange(text string) (first, last uint16) {
	if n, _ := fmt.Sscan(text, &first, &last); n != 2 || last < first {
		return 0, 65535
	}
	return first, last
}
