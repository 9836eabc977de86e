package actors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"syscall"
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

	// Lookup resolves the destination's name. nil uses net.DefaultResolver. It is called on a goroutine of its own.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

	// Fault, for fault injection, is called at named points of every actor, and may panic there: that actor then fails as it would by
	// a defect at that place. who is the actor's PID. It runs on the goroutine that relays, so it must not block. nil in production,
	// where it costs a comparison.
	Fault func(at Point, who string)

	// Chaos is how many actors a second are killed at random, among those whose PID matches the pattern ChaosTarget (as in
	// path.Match; "" = the children of all sessions), with ChaosSeed. 0 = none.
	Chaos       float64
	ChaosSeed   uint64
	ChaosTarget string

	// Loops is how many readiness loops share the sessions. 0 = one for every two processors: each loop keeps one busy, and the
	// system needs about as much again to move the packets.
	Loops int
}

// reserve is how many descriptors are not for sessions: the loops', the standard ones, the admin API's, look-ups.
const reserve = 64

// withDefaults fills in what was left at zero, and reports what makes no sense.
func (c Config) withDefaults() (Config, error) {
	if c.Host == "" {
		return c, errors.New("the destination host is empty")
	}
	if c.Port == 0 {
		return c, errors.New("the destination port is 0")
	}
	for _, d := range [...]struct {
		name  string
		value time.Duration
	}{{"idle", c.IdleTimeout}, {"hang", c.HangTimeout}, {"connect", c.ConnectTimeout}, {"drain", c.DrainTimeout}, {"within", c.Within}} {
		if d.value < 0 {
			return c, fmt.Errorf("the %s time %v is negative", d.name, d.value)
		}
	}
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 10*time.Second)
	c.Supervision = cmp.Or(c.Supervision, strategies[0].name)
	c.SessionSupervision = cmp.Or(c.SessionSupervision, "restart")
	c.MaxRestarts = cmp.Or(c.MaxRestarts, 10)
	c.Within = cmp.Or(c.Within, 10*time.Second)
	c.ChaosTarget = cmp.Or(c.ChaosTarget, "listener/session-*/*")
	if err := c.checkChaos(); err != nil {
		return c, err
	}
	c.Loops = cmp.Or(c.Loops, max(1, runtime.GOMAXPROCS(0)/2))
	if c.MaxSessions == 0 {
		c.MaxSessions = max(1, (descriptorLimit()-reserve-2*c.pipes()*c.Loops)/2)
	}
	return c, nil
}

// descriptorLimit is how many descriptors the process may have.
func descriptorLimit() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 1024
	}
	return int(min(uint64(r.Cur), 1<<20))
}

// scarce is the descriptor number from which on clients are let in one at a time, so that each gets its second descriptor, the one for
// the destination, before the next gets its first.
func (c *Config) scarce() int { return descriptorLimit() - reserve }

// pipes is how many kernel pipes a loop may use: they are worth two descriptors each to a bulk flow, and must not starve sessions.
func (c *Config) pipes() int { return min(256, descriptorLimit()/16) / c.Loops }

func (c *Config) destination() string { return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) }

// SupervisionStrategies are the names that Config.Supervision knows, the default first.
func SupervisionStrategies() []string {
	names := make([]string, len(strategies))
	for i, s := range strategies {
		names[i] = s.name
	}
	return names
}
