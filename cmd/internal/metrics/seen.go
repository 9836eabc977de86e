package metrics

import (
	"slices"
	"sync/atomic"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// seen is what the events have told so far.
type seen struct {
	accepted, opened atomic.Uint64
	closed           tally[messages.Cause]
	failed           tally[failure]
	restarted        tally[string] // by kind
	killed           tally[kill]
	stopped          tally[string] // by kind
	pauses           tally[string] // by listener
	paused           tally[string] // by listener; 1 while it is
	draining         atomic.Uint64 // listeners

	generation atomic.Uint64
	gap        atomic.Int64 // in nanoseconds
}

// failure is an actor's, as it is counted.
type failure struct {
	kind, strategy, directive string
	killed                    bool
}

// kill is a fault that somebody has ordered, as it is counted.
type kill struct{ kind, mode string }

// begin counts from zero what can be known beforehand. A rate is computed from two values: an event that brings its own counter into being
// would not show.
func (s *seen) begin(generation uint64) {
	s.generation.Store(generation)
	for _, c := range causes() {
		s.closed.of(c)
	}
	for _, k := range kinds {
		s.restarted.of(k)
		s.stopped.of(k)
		s.killed.of(kill{k, "panic"})
		s.killed.of(kill{k, "stop"})
	}
	s.expect("helper", []string{"restart"}, "acceptor", "chaos")
	s.expect("guardian", []string{"resume", "restart"}, "listener")
	s.expect("session-supervision", []string{"restart", "stop"}, "session")
}

// expectChildren is for the strategy that answers the failures of sessions' children from now on. Some are called like the directive that
// they give; the others restart. Under any, one failure too many is answered by a stop.
func (s *seen) expectChildren(strategy string) {
	directive := strategy
	if !slices.Contains([]string{"resume", "stop", "escalate"}, strategy) {
		directive = "restart"
	}
	s.expect(strategy, []string{directive, "stop"}, kinds[actors.RoleClientReader:]...)
}

func (s *seen) expect(strategy string, directives []string, kinds ...string) {
	for _, k := range kinds {
		for _, d := range directives {
			s.failed.of(failure{k, strategy, d, false})
			s.failed.of(failure{k, strategy, d, true})
		}
	}
}

// causes are all that a session can end of.
func causes() (all []messages.Cause) {
	for c := messages.CauseNone + 1; c.String() != "unknown"; c++ {
		all = append(all, c)
	}
	return all
}

// Observe must be given every event of the proxy. It runs where the bytes are moved: it adds to a few counters, and waits for nobody, not
// even for a scrape that is under way.
func (m *Metrics) Observe(event any) {
	s := &m.seen
	switch e := event.(type) {
	case messages.SessionAccepted:
		s.accepted.Add(1)
	case messages.SessionOpened:
		s.opened.Add(1)
		m.connect.Observe(e.Took.Seconds())
	case messages.SessionClosed:
		s.closed.of(e.Cause).Add(1)
		m.session.Observe(e.Age.Seconds())
	case messages.ActorFailed:
		s.failed.of(failure{kindOf(e.PID), e.Strategy, e.Directive, e.Kill != ""}).Add(1)
	case messages.ActorRestarted:
		s.restarted.of(kindOf(e.PID)).Add(1)
		if e.After > 0 { // it failed itself
			m.restart.Observe(e.After.Seconds())
		}
	case messages.ActorKilled:
		s.killed.of(kill{kindOf(e.PID), e.Mode}).Add(1)
	case messages.ActorStopped:
		s.stopped.of(kindOf(e.PID)).Add(1)
	case messages.AcceptPaused:
		s.pauses.of(e.Listener).Add(1)
		s.paused.of(e.Listener).Store(1)
	case messages.AcceptResumed:
		s.paused.of(e.Listener).Store(0)
	case messages.ListenerDraining:
		s.draining.Store(1)
	case messages.SupervisionChanged:
		s.expectChildren(e.Strategy)
	case messages.ProcessRestarted:
		s.generation.Store(e.Generation)
		s.gap.Store(int64(e.After))
	}
}
