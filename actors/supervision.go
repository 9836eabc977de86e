package actors

// Every decision of the tree, from the top down. Who supervises whom stands in tree.go; how a decision is carried out, in restart.go.
// Nothing here knows what a child does, or that there is a library below: a decision is a function of a Failure.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Failure is a child that has failed, as its supervisor sees it: it panicked, or it stopped although nobody in the tree had ordered
// that. A strategy answers it by calling one or more of the five directives before it returns; one that calls none is taken to have
// called Stop. All of it belongs to the goroutine on which the strategy was called, and is over when that returns.
type Failure interface {
	// Who is the child that failed.
	Who() Role
	// Stopped says that it did not panic but was stopped: there is no incarnation left that could be resumed.
	Stopped() bool
	// OnPurpose says that somebody brought it about, chaos for instance, or whoever stopped it: it is no defect.
	OnPurpose() bool
	// Reason is what it panicked with, or why it is gone.
	Reason() any
	// Children are the failed one and its siblings, in the order in which they were started.
	Children() []Role
	// Recent is how many failures of a child lie within the period (Config.Within), this one included.
	Recent(Role) int
	// Intensity is how many restarts of a child are allowed within the period (Config.MaxRestarts).
	Intensity() int

	// Restart gives a child a new incarnation; if the child is gone, a new actor takes its place.
	Restart(Role)
	// RestartAfter is Restart after a delay, unless something else restarts the child before. It may be called again with another.
	RestartAfter(Role, time.Duration)
	// Resume lets the failed incarnation go on. Only the message that it failed in is lost; it is told to look at everything again.
	Resume(Role)
	// Stop ends the connection: both of its peers are reset.
	Stop()
	// Escalate makes the supervisor fail in the child's place, for its own supervisor to decide.
	Escalate()
}

// Strategy is a way to answer the failures of a supervisor's children.
type Strategy struct {
	Name string
	// Summary goes on from "when a reader or writer of a session fails, …", in a few words, for help texts.
	Summary string
	Answer  func(Failure)
}

// The guardian, the root of the tree, for the listeners.
//
// A restart of the listener would stop its children, all sessions with them, since every restart begins with that. So it is resumed: the
// incarnation goes on. If somebody stopped it, its sessions are gone already; a new listener takes over the listening socket and all
// connections. There is no limit: without a listener there is no proxy, and the connections are worth more than the processor's time.
func superviseListener(f Failure, _ Strategy) {
	if f.Stopped() {
		f.Restart(f.Who())
		return
	}
	f.Resume(f.Who())
}

// The listener, for the acceptor and chaos, which serve it.
//
// They hold nothing, so they are always restarted, and never given up: without the acceptor nobody is let in. What keeps failing by itself
// is restarted after a pause, which grows from 10 ms to a second, so that a lasting defect does not burn the processor and a passing one
// costs little. Whoever kills them on purpose sets the pace himself, and clients need not wait for that.
func superviseHelper(f Failure, _ Strategy) {
	if tooMany(f) && !f.OnPurpose() {
		f.RestartAfter(f.Who(), backoffDelay(f.Recent(f.Who())-f.Intensity()))
		return
	}
	f.Restart(f.Who())
}

// The listener, for its sessions, by Config.SessionSupervision; and a session, for its four children, by Config.Supervision.
//
// The chosen strategy answers, until a child has failed too often: then the connection ends. No failure concerns another connection.
func superviseByChoice(f Failure, chosen Strategy) {
	if tooMany(f) {
		f.Stop()
		return
	}
	chosen.Answer(f)
}

// tooMany reports whether the child has failed more often than it may be restarted. In OTP's words: more than intensity restarts within
// the period; there one budget counts for all children of a supervisor, here each has its own.
func tooMany(f Failure) bool { return f.Recent(f.Who()) > f.Intensity() }

// strategies are the answers to a child's failure that Config.Supervision can choose, the default first.
var strategies = []Strategy{
	{"one-for-one", "restart that child; its siblings are untouched", oneForOne},
	{"all-for-one", "restart all four", allForOne},
	{"rest-for-one", "restart that child and those started after it", restForOne},
	{"backoff", "restart that child after a growing delay", backoff},
	{"resume", "let the same incarnation go on", resume},
	{"stop", "reset the session", stop},
	{"escalate", "let the session fail; --session-supervision decides", escalate},
}

// sessionStrategies are the answers to a session's failure that Config.SessionSupervision can choose, the default first.
var sessionStrategies = []Strategy{
	{"restart", "bring it back over the same sockets", oneForOne},
	{"stop", "reset it", stop},
}

// oneForOne: the siblings notice nothing, since what they wait for stands in the flows.
func oneForOne(f Failure) { f.Restart(f.Who()) }

// allForOne is for children that depend on each other's memory. These do not, so it only costs more.
func allForOne(f Failure) {
	for _, r := range f.Children() {
		f.Restart(r)
	}
}

// restForOne is for children each of which depends on those started before it.
func restForOne(f Failure) {
	for _, r := range f.Children() {
		if r >= f.Who() {
			f.Restart(r)
		}
	}
}

// backoff: the other children go on; the flow between them and this one stands still, with back-pressure, and nothing in it is lost.
func backoff(f Failure) { f.RestartAfter(f.Who(), backoffDelay(f.Recent(f.Who()))) }

// resume keeps the incarnation with all that it knows, for better or worse. One that was stopped cannot go on: it gets a successor.
func resume(f Failure) {
	if f.Stopped() {
		f.Restart(f.Who())
		return
	}
	f.Resume(f.Who())
}

// stop: both peers see a reset, since their streams are not complete.
func stop(f Failure) { f.Stop() }

// escalate leaves it to the next supervisor, which knows less about the child and more about the whole.
func escalate(f Failure) { f.Escalate() }

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

// strategyNamed finds one of those on offer; the error lists their names.
func strategyNamed(what, name string, onOffer []Strategy) (Strategy, error) {
	names := make([]string, len(onOffer))
	for i, s := range onOffer {
		if names[i] = s.Name; s.Name == name {
			return s, nil
		}
	}
	return Strategy{}, fmt.Errorf("unknown %s %q: it is one of %s", what, name, strings.Join(names, ", "))
}

// SupervisionStrategies are the strategies that Config.Supervision knows, the default first.
func SupervisionStrategies() []Strategy { return append([]Strategy(nil), strategies...) }

// SessionStrategies are the strategies that Config.SessionSupervision knows, the default first.
func SessionStrategies() []Strategy { return append([]Strategy(nil), sessionStrategies...) }
