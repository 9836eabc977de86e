package actors

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// Config says what a proxy does. The zero value of every field but Host, Port and ListenPort is useful.
type Config struct {
	// Host and Port name the destination; Host is a name or an IP address (without brackets).
	Host string
	Port uint16

	// ListenHost is the address to listen on: a name or an IP address; empty means all addresses, IPv4 and IPv6.
	ListenHost string
	// ListenPort 0 lets the system choose; see Proxy.Addr.
	ListenPort uint16

	// IdleTimeout ends a session when no byte moved in either direction for so long. 0 = never.
	IdleTimeout time.Duration
	// HangTimeout ends a session when a peer took no byte of those that wait for it for so long. 0 = never.
	HangTimeout time.Duration
	// ConnectTimeout bounds name look-up and connecting together. 0 = 10 s.
	ConnectTimeout time.Duration
	// DrainTimeout is how long live sessions may run on after Proxy.Drain. 0 = they end at once.
	DrainTimeout time.Duration

	// MaxSessions bounds the live sessions; further clients wait in the backlog. 0 = as many as the descriptor limit allows.
	MaxSessions int

	// Supervision is the strategy for the four children of a session, by name; see SupervisionStrategies. "" = one-for-one.
	Supervision string
	// MaxRestarts and Within bound how often a child is restarted before its session gives up. 0 = 10, 10 s.
	MaxRestarts int
	Within      time.Duration
	// SessionSupervision is what the listener does with a session that fails: "restart" (also "") or "stop".
	SessionSupervision string

	// Log takes the library's own messages and the debug lines of the actors. nil discards them.
	Log *slog.Logger

	// Lookup resolves the destination's name. nil uses net.DefaultResolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}
