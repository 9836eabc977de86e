package actors

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"tcpproxy/messages"
)

// TestCausesOfConnecting: what the log calls a failure to connect must send whoever reads it to the right place: the destination, the
// network, or this machine.
func TestCausesOfConnecting(t *testing.T) {
	for err, want := range map[error]messages.Cause{
		syscall.ECONNREFUSED:  messages.CauseRefused,
		syscall.ENETUNREACH:   messages.CauseUnreachable,
		syscall.EHOSTUNREACH:  messages.CauseUnreachable,
		syscall.EADDRNOTAVAIL: messages.CauseConnectFailed, // no local port is left
		syscall.EMFILE:        messages.CauseConnectFailed,
		syscall.ETIMEDOUT:     messages.CauseConnectTimeout,
		&net.DNSError{}:       messages.CauseUnresolved,
		errors.New("other"):   messages.CauseConnectFailed,
	} {
		if got := causeOf(fmt.Errorf("connect 192.0.2.1:80: %w", err)); got != want {
			t.Errorf("%v is called %v, want %v", err, got, want)
		}
	}
}
