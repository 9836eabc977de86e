package admin

import (
	"context"
	"strings"
	"sync"

	"tcpproxy/messages"
)

// watch is what the API learns from the proxy's events: whether clients are let in, and what becomes of actors that were made to fail.
type watch struct {
	mu       sync.Mutex
	draining bool
	paused   map[string]bool // listeners, by PID
	waiting  map[*watcher]struct{}
}

// observe takes an event; it never waits for anybody.
func (w *watch) observe(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case messages.ListenerDraining:
		w.draining = true
	case messages.AcceptPaused:
		if w.paused == nil {
			w.paused = map[string]bool{}
		}
		w.paused[e.Listener] = true
	case messages.AcceptResumed:
		delete(w.paused, e.Listener)
	case messages.ActorFailed:
		w.tell(e.PID, func(v *watcher) { v.failed(e) })
	case messages.ActorRestarted:
		w.tell(e.PID, func(v *watcher) {
			v.decide(outcome{Outcome: "restarted", By: v.last.By, Incarnation: e.Restarts + 1, AfterSeconds: e.After.Seconds()})
		})
	case messages.SessionClosed:
		for v := range w.waiting {
			if v.pid == e.PID || strings.HasPrefix(v.pid, e.PID+"/") {
				v.decide(outcome{Outcome: "session closed", By: v.last.By, Cause: e.Cause.String()})
			}
		}
	}
}

func (w *watch) tell(pid string, what func(*watcher)) {
	for v := range w.waiting {
		if v.pid == pid {
			what(v)
		}
	}
}

// accepts reports whether the proxy lets clients in.
func (w *watch) accepts() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.draining && len(w.paused) == 0
}

// outcome is what became of an actor that was made to fail.
type outcome struct {
	// Outcome is restarted, resumed, session closed, or nothing: it had not failed, or not come back, when the time was up.
	Outcome      string  `json:"outcome"`
	By           string  `json:"by,omitempty"`          // the supervisor's strategy, and its directive
	Incarnation  uint32  `json:"incarnation,omitempty"` // which one it is in now
	AfterSeconds float64 `json:"after_s,omitempty"`     // from the failure until it ran again
	Cause        string  `json:"cause,omitempty"`       // of the session's end
}

// watcher waits for the outcome of one fault.
type watcher struct {
	watch *watch
	pid   string
	last  outcome // under watch.mu
	first chan outcome
}

// expect begins to watch, before the fault is injected.
func (w *watch) expect(pid string) *watcher {
	v := &watcher{watch: w, pid: pid, last: outcome{Outcome: "nothing"}, first: make(chan outcome, 1)}
	w.mu.Lock()
	if w.waiting == nil {
		w.waiting = map[*watcher]struct{}{}
	}
	w.waiting[v] = struct{}{}
	w.mu.Unlock()
	return v
}

func (v *watcher) cancel() {
	v.watch.mu.Lock()
	delete(v.watch.waiting, v)
	v.watch.mu.Unlock()
}

// failed notes what the supervisor has decided: to let it go on is an outcome; anything else leads to another event.
func (v *watcher) failed(e messages.ActorFailed) {
	v.last.By = e.Strategy + ": " + e.Directive
	if e.Directive == "resume" {
		v.decide(outcome{Outcome: "resumed", By: v.last.By})
	}
}

func (v *watcher) decide(o outcome) {
	select {
	case v.first <- o:
	default: // it is decided already
	}
}

// wait returns the outcome, or what is known when ctx ends.
func (v *watcher) wait(ctx context.Context) outcome {
	select {
	case o := <-v.first:
		return o
	case <-ctx.Done():
		v.watch.mu.Lock()
		defer v.watch.mu.Unlock()
		return v.last
	}
}
