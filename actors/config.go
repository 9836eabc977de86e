package actors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path"
	"runtime"
	"strconv"
	"time"

	"tcpproxy/actors/survival"
)

// Config says what a proxy does. Host and Port must be set; every other field may stay at its zero value, whose meaning stands beside it.
// DefaultConfig has the timeouts that the command line has.
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
	// Proxy.SetSupervision changes it later.
	Supervision string
	// Strategies are more that Supervision and SetSupervision may name: your own. One with the name of a built-in strategy replaces it.
	Strategies []Strategy
	// MaxRestarts and Within bound how often a child is restarted before its session gives up. 0 = 10, 10 s.
	MaxRestarts int
	Within      time.Duration
	// SessionSupervision is what the listener does with a session that fails: "restart" (also "") or "stop"; see SessionStrategies.
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
	// path.Match; "" = the children of all sessions), with ChaosSeed. 0 = none. ChaosProcess, for a pattern, has the process killed instead.
	Chaos       float64
	ChaosSeed   uint64
	ChaosTarget string

	// Loops is how many readiness loops there are, each with a listener, a listening socket and sessions of its own. 0 = one for every two
	// processors: each loop keeps one busy, and the system needs about as much again to move the packets.
	Loops int

	// Survival is this process in its role of a worker that others go on after; nil if the sessions end with the process. If a worker before
	// this one has left connections behind, Start goes on with them, on the port that was that one's. It takes a program that is made for
	// it, as cmd/tcpproxy is with --survive.
	Survival *survival.Worker
}

// DefaultConfig is what the command line does without flags: time limits of 10 s for idle, hung and connecting, 30 s to drain. Host and
// Port are left to set, and ListenPort, unless the system shall choose one.
func DefaultConfig() Config {
	return Config{
		IdleTimeout: 10 * time.Second, HangTimeout: 10 * time.Second, ConnectTimeout: 10 * time.Second, DrainTimeout: 30 * time.Second,
		Supervision: strategies[0].Name, SessionSupervision: sessionStrategies[0].Name, MaxRestarts: 10, Within: 10 * time.Second,
		ChaosSeed: 1, ChaosTarget: defaultChaosTarget,
	}
}

// ChaosProcess is the ChaosTarget that stands for the operating system's process. It takes Config.Survival.
const ChaosProcess = "process"

// defaultChaosTarget is the children of all sessions, of whatever listener.
const defaultChaosTarget = "*/session-*/*"

// withDefaults fills in what was left at zero, and reports what makes no sense, naming the field.
func (c Config) withDefaults() (Config, error) {
	if c.Host == "" {
		return c, errors.New("field Host of the Config: the destination is missing")
	}
	if c.Port == 0 {
		return c, errors.New("field Port of the Config: the destination's port is missing")
	}
	for _, d := range [...]struct {
		name  string
		value time.Duration
	}{
		{"IdleTimeout", c.IdleTimeout}, {"HangTimeout", c.HangTimeout}, {"ConnectTimeout", c.ConnectTimeout},
		{"DrainTimeout", c.DrainTimeout}, {"Within", c.Within},
	} {
		if d.value < 0 {
			return c, fmt.Errorf("field %s of the Config: the time %v is negative", d.name, d.value)
		}
	}
	for _, n := range [...]struct {
		name  string
		value int
	}{{"MaxSessions", c.MaxSessions}, {"MaxRestarts", c.MaxRestarts}, {"Loops", c.Loops}} {
		if n.value < 0 {
			return c, fmt.Errorf("field %s of the Config: %d is negative", n.name, n.value)
		}
	}
	if !(c.Chaos >= 0 && c.Chaos <= 1e9) { // NaN is neither
		return c, fmt.Errorf("field Chaos of the Config: %v is not a number of kills a second", c.Chaos)
	}
	for _, s := range c.Strategies {
		if s.Name == "" || s.Answer == nil {
			return c, fmt.Errorf("field Strategies of the Config: %q has no name, or no Answer", s.Name)
		}
	}
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 10*time.Second)
	c.Supervision = cmp.Or(c.Supervision, strategies[0].Name)
	c.SessionSupervision = cmp.Or(c.SessionSupervision, sessionStrategies[0].Name)
	c.MaxRestarts = cmp.Or(c.MaxRestarts, 10)
	c.Within = cmp.Or(c.Within, 10*time.Second)
	c.ChaosTarget = cmp.Or(c.ChaosTarget, defaultChaosTarget)
	if c.Chaos > 0 && c.ChaosTarget == ChaosProcess && c.Survival == nil {
		return c, errors.New("field ChaosTarget of the Config: killing the process takes the field Survival")
	}
	if _, err := path.Match(c.ChaosTarget, ""); err != nil {
		return c, fmt.Errorf("field ChaosTarget of the Config: %q is not a pattern: %w", c.ChaosTarget, err)
	}
	c.Loops = cmp.Or(c.Loops, max(1, runtime.GOMAXPROCS(0)/2))
	if w := c.Survival; w != nil && w.Memory().Formatted() {
		c.Loops = int(w.Memory().Loops.Load())
	}
	limit := descriptorLimit()
	if err := checkDescriptors(limit); err != nil {
		return c, err
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = sessionsFor(limit)
	}
	return c, nil
}

// strategiesOnOffer are the built-in strategies and the Config's own, these first.
func (c *Config) strategiesOnOffer() []Strategy {
	return append(append([]Strategy(nil), c.Strategies...), strategies...)
}

// pipes is how many kernel pipes a loop may use.
func (c *Config) pipes() int { return pipes(descriptorLimit()) / c.Loops }

func (c *Config) destination() string { return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) }
