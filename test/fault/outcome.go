package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tcpproxy/messages"
)

// Fate is what became of a failure.
type Fate uint8

const (
	// Pending: nothing yet. The supervisor has decided, and it has not been carried out.
	Pending Fate = iota
	// Restarted: the actor runs again, in a new incarnation or as another actor in its place.
	Restarted
	// Resumed: the same incarnation goes on.
	Resumed
	// Escalated: its supervisor failed in its place; the actor has come back together with that one.
	Escalated
	// Reset: a supervisor gave up, and both peers of the connection were reset.
	Reset
	// Guarded: nothing had to become of it. It was a panic in the last steps of an actor that was on its way out in any case.
	Guarded
	// Ended: its session ended for another reason (see Outcome.Cause), or the proxy did, before the actor came back.
	Ended
)

var fateNames = [...]string{"pending", "restarted", "resumed", "escalated", "session reset", "guarded", "ended"}

// String is the fate in words.
func (f Fate) String() string {
	if int(f) >= len(fateNames) {
		return "unknown"
	}
	return fateNames[f]
}

// Outcome is one failure of one actor, and what became of it. It is a copy, which does not change.
type Outcome struct {
	PID    string
	Reason string // what the actor panicked with, or that it was stopped
	Kill   string // as in messages.ActorFailed

	Strategy  string        // that of the supervisor; "guarded" if none was asked
	Directive string        // restart, resume, stop or escalate; if none was asked, the point of the panic
	Delay     time.Duration // that the supervisor put the directive off for

	Fate Fate
	// Gap is how long nobody was in the actor's place, if it came back: from the failure to the start of the new incarnation, as the proxy
	// measured it. If it failed again before it came back, from the first of these failures.
	Gap time.Duration
	// With are the PIDs of those that came back after it although they had not failed, in that order: its siblings under all-for-one, its
	// supervisor and all others below that after an escalation, all below a listener or a session that was restarted. If two actors of one
	// session fail at the same time, they count for the later failure. The list is complete when the proxy is quiet: see Watch.Quiet.
	With []string
	// Cause is why the session ended, if the Fate is Reset or Ended; CauseNone if it was the proxy that did.
	Cause messages.Cause
}

// String tells the whole story in one line.
func (o Outcome) String() string {
	s := fmt.Sprintf("%s failed (%s); %s says %s", o.PID, o.Reason, o.Strategy, o.Directive)
	if o.Delay > 0 {
		s += fmt.Sprintf(" after %v", o.Delay)
	}
	s += ": " + o.Fate.String()
	switch o.Fate {
	case Restarted, Escalated:
		s += fmt.Sprintf(" after %v", o.Gap)
	case Reset, Ended:
		s += fmt.Sprintf(" (%v)", o.Cause)
	}
	if len(o.With) > 0 {
		s += " with " + strings.Join(o.With, ", ")
	}
	return s
}

// Outcome waits until the actor with this PID has failed, and until something has become of each of its failures that have been seen; it
// returns the last one, a guarded one only if there is no other. After the second kill of the same actor, wait for Failed(ctx, pid, 2)
// first: otherwise that may not have been seen yet. It does not wait for an actor whose session is over.
func (w *Watch) Outcome(ctx context.Context, pid string) (o Outcome, err error) {
	err = w.await(ctx, "something had become of a failure of "+pid, pid, func() (bool, error) {
		last := w.last[pid]
		if last == nil || last.Fate == Pending {
			return false, w.mayCome(false, pid)
		}
		o = last.told()
		return true, nil
	})
	return o, err
}

// Outcomes are all failures that have been seen, oldest first, the pending ones among them.
func (w *Watch) Outcomes() []Outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Outcome, len(w.outcomes))
	for i, o := range w.outcomes {
		all[i] = o.told()
	}
	return all
}

// outcome is an Outcome in the making. The Watch's mu guards it, and all below.
type outcome struct {
	Outcome
	nth int      // among all
	to  *outcome // the supervisor's failure that this one was escalated to
}

// told is a copy for others.
func (o *outcome) told() Outcome {
	told := o.Outcome
	told.With = slices.Clone(o.With)
	if o.to != nil && o.to.Fate != Pending {
		if above := o.to.told(); above.Fate == Restarted || above.Fate == Escalated {
			told.With = append(append(told.With, above.PID), above.With...)
			told.With = slices.DeleteFunc(told.With, func(pid string) bool { return pid == o.PID })
		}
	}
	return told
}

func (w *Watch) failed(e messages.ActorFailed) {
	o := &outcome{nth: len(w.outcomes), Outcome: Outcome{
		PID: e.PID, Reason: e.Reason, Kill: e.Kill, Strategy: e.Strategy, Directive: e.Directive, Delay: e.Delay,
	}}
	w.outcomes = append(w.outcomes, o)
	if e.Strategy == "guarded" {
		if o.Fate = Guarded; w.last[e.PID] == nil {
			w.last[e.PID] = o
		}
		return
	}
	w.last[e.PID] = o
	where := sessionOf(e.PID)
	if where == "" {
		where = e.PID
	}
	if where == e.PID { // did one of its children escalate to it?
		for pid, waiting := range w.pending {
			if pid != e.PID && under(pid, e.PID) {
				for _, child := range waiting {
					if child.Directive == "escalate" && child.to == nil {
						child.to = o
					}
				}
			}
		}
	}
	if e.Directive == "resume" { // it goes on; no further event tells
		o.Fate = Resumed
		if !strings.Contains(e.PID, "/") {
			return // a listener's sessions go on, too
		}
	} else {
		w.pending[e.PID] = append(w.pending[e.PID], o)
	}
	w.latest[where] = o
}

func (w *Watch) restarted(e messages.ActorRestarted) {
	answered := w.pending[e.PID]
	delete(w.pending, e.PID)
	for _, o := range answered {
		o.Gap = e.After
		if o.Fate = Restarted; o.to != nil {
			o.Fate = Escalated
			o.to.with(e.PID)
		}
	}
	if len(answered) > 0 {
		return
	}
	// It went down with another: the last one that failed in its session, or above.
	by := w.latest[e.PID]
	listener, _, _ := strings.Cut(e.PID, "/")
	for _, where := range []string{sessionOf(e.PID), listener} {
		if o := w.latest[where]; o != nil && (by == nil || o.nth > by.nth) {
			by = o
		}
	}
	if by != nil {
		by.with(e.PID)
	}
}

// with notes that somebody came back after this failure.
func (o *outcome) with(pid string) {
	if pid != o.PID && !slices.Contains(o.With, pid) {
		o.With = append(o.With, pid)
	}
}

// sessionOver settles all failures of a session that is over.
func (w *Watch) sessionOver(e messages.SessionClosed) {
	fate := Ended
	if e.Cause == messages.CauseSupervision {
		fate = Reset
	}
	w.over(e.PID, fate, e.Cause)
	delete(w.latest, e.PID)
}

// over settles the failures of an actor and of all below it: nobody there comes back any more.
func (w *Watch) over(root string, fate Fate, cause messages.Cause) {
	for pid, waiting := range w.pending {
		if under(pid, root) {
			for _, o := range waiting {
				o.Fate, o.Cause = fate, cause
			}
			delete(w.pending, pid)
		}
	}
}

// helpersLeave settles the failures of those that let clients in: from now on there are none to let in.
func (w *Watch) helpersLeave(listener string) {
	for pid := range w.pending {
		if pid != listener && under(pid, listener) && sessionOf(pid) == "" {
			w.over(pid, Ended, messages.CauseNone)
		}
	}
}
