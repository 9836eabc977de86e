package actors

// Every strategy and decider of the tree, from the top down. Read it beside the tree in doc.go.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// guardian supervises the listener. Restarting the listener would stop its children, all sessions with them (a restart begins with
// that), so it is resumed: the incarnation goes on, and only the message in hand is lost. That can only have been a bell or a request;
// so the bell is rung again.
type guardian struct{ hub *hub }

// HandleFailure runs on lane 0.
func (g guardian) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	g.hub.failed(who, reason, "guardian", actor.ResumeDirective)
	s.ResumeChildren(who)
	g.hub.send(who, messages.Arrived{})
}

// HandleFailure is the listener's strategy, on lane 0. Its helpers, the acceptor above all, are always restarted: they hold nothing, and
// without the acceptor nobody is let in; if one keeps failing, after a pause. A failed session is restarted over the same sockets and flows, or stopped, as
// Config.SessionSupervision says; one that keeps failing is stopped. No session's failure concerns another.
func (l *Listener) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	h := l.hub
	if l.isHelper(who) {
		h.failed(who, reason, "helper", actor.RestartDirective)
		if l.helperFailures.tolerates(h) {
			s.RestartChildren(who)
		} else {
			l.restartLater(s, who)
		}
		return
	}
	d := h.sessions
	if f := l.failures[who.Id]; d == actor.RestartDirective && l.draining != ending {
		if f == nil {
			f = &ledger{}
			l.failures[who.Id] = f
		}
		if !f.tolerates(h) {
			d = actor.StopDirective
		}
	}
	if d == actor.RestartDirective {
		h.failed(who, reason, "session-supervision", actor.RestartDirective)
		s.RestartChildren(who)
		return
	}
	h.failed(who, reason, "session-supervision", actor.StopDirective)
	s.StopChildren(who)
}

// sessionDirectives are the answers to a session's failure that Config.SessionSupervision can choose, by name.
var sessionDirectives = map[string]actor.Directive{"restart": actor.RestartDirective, "stop": actor.StopDirective}

// HandleFailure is the session's strategy for its four children, on the session's lane. The library asks the actor itself rather than
// its Props, which lets the session take part: while it is leaving, every failure is answered with a stop. A restart then would
// overtake nothing: it would re-incarnate a child that has been told to stop, and nobody could stop that one again.
func (s *Session) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	r, known := s.conn.roleOf(who)
	if s.leaving || s.conn.now() != relaying || !known {
		sup.StopChildren(who)
		return
	}
	s.apply(failure{session: s, supervisor: sup, role: r, reason: reason, message: message})
}

// replace treats a child that somebody else stopped like one that failed: its place must not stay empty.
func (s *Session) replace(ctx actor.Context, who *actor.PID) {
	r, known := s.conn.roleOf(who)
	if s.leaving || !known {
		return
	}
	s.apply(failure{session: s, supervisor: ctx.(actor.Supervisor), ctx: ctx, role: r, reason: errStopped})
}

// apply has the chosen strategy answer a failure, unless there were too many of them: then the session gives up.
func (s *Session) apply(f failure) {
	h := s.lane.hub
	d := h.strategy.directive
	if d != actor.StopDirective && d != actor.EscalateDirective && !s.conn.ledger(f.role).tolerates(h) {
		d = actor.StopDirective
	}
	h.failed(s.conn.crew[f.role].pid, f.reason, h.strategy.name, d)
	if d == actor.StopDirective {
		giveUp(f)
		return
	}
	h.strategy.apply(f)
}

// strategy is a way to answer the failure of one of a session's four children.
type strategy struct {
	name      string
	directive actor.Directive
	apply     func(failure)
}

// failure is what a strategy has to answer. ctx is nil if the child panicked; if it is not, the child is gone already.
type failure struct {
	session    *Session
	supervisor actor.Supervisor
	ctx        actor.Context
	role       role
	reason     any
	message    any
}

var strategies = [...]strategy{
	{"one-for-one", actor.RestartDirective, oneForOne},
	{"all-for-one", actor.RestartDirective, allForOne},
	{"backoff", actor.RestartDirective, backoff},
	{"resume", actor.ResumeDirective, resume},
	{"stop", actor.StopDirective, giveUp},
	{"escalate", actor.EscalateDirective, escalate},
}

// oneForOne restarts the child that failed. Its siblings notice nothing: what they wait for stands in the flows.
func oneForOne(f failure) { f.restart(f.role) }

// allForOne restarts all four.
func allForOne(f failure) {
	for r := range roles {
		if r == f.role {
			f.restart(r)
		} else if c := f.session.conn; c.delay(r) == nil {
			f.supervisor.RestartChildren(c.crew[r].pid)
		}
	}
}

// backoff restarts the child that failed after a delay that doubles with each of its recent failures. The other children go on; the
// flow between them and this one stands still, with back-pressure, and nothing in it is lost.
func backoff(f failure) {
	c := f.session.conn
	c.disarm(f.role)
	l := c.ledger(f.role)
	l.delay = &delayed{conn: c, role: f.role, stopped: f.ctx != nil}
	c.lane.loop.Arm(&l.delay.timer, backoffDelay(l.recent(c.lane.hub)), l.delay)
}

// resume lets the same incarnation go on. The message that it died in is lost, so it is told to look at everything again.
func resume(f failure) {
	if f.ctx != nil {
		f.restart(f.role)
		return
	}
	pid := f.session.conn.crew[f.role].pid
	f.supervisor.ResumeChildren(pid)
	f.session.lane.hub.send(pid, messages.Revive{})
}

// giveUp ends the session: both peers see a reset, since the streams are not complete.
func giveUp(f failure) { f.session.end(messages.CauseSupervision, asError(f.reason)) }

// escalate makes the session fail in the child's place; the listener decides.
func escalate(f failure) {
	if f.ctx != nil {
		panic(f.reason)
	}
	f.supervisor.EscalateFailure(f.reason, f.message)
}

// restart gives a child a new incarnation, or a new actor of the same name if it is gone.
func (f failure) restart(r role) {
	if f.ctx != nil && r == f.role {
		f.session.spawn(f.ctx, r)
		return
	}
	f.supervisor.RestartChildren(f.session.conn.crew[r].pid)
}

const (
	backoffFirst = 10 * time.Millisecond
	backoffCap   = time.Second
)

// backoffDelay is backoffFirst for the first failure and doubles up to backoffCap; half of it is random, so that the children of
// many sessions that failed together do not come back together.
func backoffDelay(failures int) time.Duration {
	d := backoffCap
	if n := failures - 1; n < 7 {
		d = min(backoffFirst<<max(n, 0), backoffCap)
	}
	return d/2 + rand.N(d/2)
}

// delayed is a restart that waits for its time.
type delayed struct {
	timer   wire.Timer
	conn    *connection
	role    role
	stopped bool // the child is gone; a new one is needed
}

// restartNow: a timer → session. It is checked again on arrival: much may have happened meanwhile.
type restartNow struct{ delay *delayed }

// Run is called by the loop when the delay is over.
func (d *delayed) Run() { d.conn.lane.hub.send(d.conn.pid, &restartNow{d}) }

func (s *Session) restartDelayed(ctx actor.Context, m *restartNow) {
	d := m.delay
	if s.leaving || s.conn.delay(d.role) != d {
		return
	}
	s.conn.ledger(d.role).delay = nil
	f := failure{session: s, supervisor: ctx.(actor.Supervisor), role: d.role}
	if d.stopped {
		f.ctx = ctx
	}
	f.restart(d.role)
}

// ledger counts one actor's recent failures.
type ledger struct {
	times []time.Time
	delay *delayed // a restart that waits for its time
}

// tolerates notes a failure; it reports whether there have been at most Config.MaxRestarts within Config.Within.
func (l *ledger) tolerates(h *hub) bool {
	l.times = append(l.times, time.Now())
	if keep := h.cfg.MaxRestarts + 1; len(l.times) > keep {
		l.times = append(l.times[:0], l.times[len(l.times)-keep:]...)
	}
	return l.recent(h) <= h.cfg.MaxRestarts
}

// recent is how many of the failures noted lie within Config.Within.
func (l *ledger) recent(h *hub) int {
	since := time.Now().Add(-h.cfg.Within)
	n := len(l.times)
	for n > 0 && l.times[n-1].After(since) {
		n--
	}
	return len(l.times) - n
}

// strategyNamed finds a strategy; the error lists the names.
func strategyNamed(name string) (strategy, error) {
	for _, s := range strategies {
		if s.name == name {
			return s, nil
		}
	}
	return strategy{}, fmt.Errorf("unknown supervision strategy %q: it is one of %s", name, strings.Join(SupervisionStrategies(), ", "))
}
