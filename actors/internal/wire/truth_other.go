//go:build !linux

package wire

import (
	"net/netip"
	"syscall"
)

// Ask would ask the system what it knows of a connection. Only Linux counts what passes through a socket.
func Ask(_ int, _ bool) (Truth, error) { return Truth{}, syscall.ENOSYS }

// PipeHolds would say how many bytes wait in a pipe. Flows use pipes on Linux only.
func PipeHolds(_ int) (int, error) { return 0, syscall.ENOSYS }

// IsConnected would say whether a descriptor is a TCP connection. Nobody is left descriptors of unknown kind but on Linux.
func IsConnected(_ int) (local, peer netip.AddrPort, ok bool) { return local, peer, false }

// IsListening would say whether a descriptor is a listening TCP socket. See IsConnected.
func IsListening(_ int) bool { return false }

// isPipe would say whether two descriptors are the ends of one pipe. See PipeHolds.
func isPipe(_, _ int) bool { return false }

// IsPeer would say whether a descriptor is a socket that is connected with that peer. See IsConnected.
func IsPeer(int, netip.AddrPort) bool { return false }
