package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tcpproxy/actors"
)

// maxWait bounds how long a caller may wait for the outcome of a fault.
const maxWait = 10 * time.Second

// fault is the body of POST /api/faults.
type fault struct {
	PID  string `json:"pid"`  // as in GET /api/tree
	Mode string `json:"mode"` // panic or stop
}

// faultOutcome is the answer to one that was waited for.
type faultOutcome struct {
	fault
	outcome
}

// injectFault makes an actor fail. It answers 202: the fault is on its way, behind the messages that wait in the actor's mailbox. With
// ?wait=TIME it waits for so long at most, and answers 200 with what became of it.
func (a *api) injectFault(w http.ResponseWriter, r *http.Request) {
	var wait time.Duration
	if text := r.URL.Query().Get("wait"); text != "" {
		var err error
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 || wait > maxWait {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("wait is %q, but it takes a time from 0s to %v, such as 1s", text, maxWait))
			return
		}
	}
	var f fault
	if !readOr400(w, r, &f) {
		return
	}
	if f.Mode != actors.KillPanic && f.Mode != actors.KillStop {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("mode is %q, but it takes panic or stop", f.Mode))
		return
	}
	watcher := a.watch.expect(f.PID)
	defer watcher.cancel()
	switch err := a.proxy.Kill(f.PID, f.Mode, "admin"); {
	case errors.Is(err, actors.ErrNoActor):
		refuse(w, http.StatusNotFound, fmt.Sprintf("no actor %q: GET /api/tree has the pids", f.PID))
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	a.changed()
	if wait == 0 {
		reply(w, http.StatusAccepted, f)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	became := watcher.wait(ctx)
	a.changed() // by now there may be a new incarnation
	reply(w, http.StatusOK, faultOutcome{f, became})
}

func refuseFault(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusForbidden, "faults are off: start the proxy with --faults")
}

// supervision is the body of PUT /api/supervision.
type supervision struct {
	Strategy string `json:"strategy"`
}

// setSupervision chooses the strategy for the children of all sessions, from the next failure on.
func (a *api) setSupervision(w http.ResponseWriter, r *http.Request) {
	var s supervision
	if !readOr400(w, r, &s) {
		return
	}
	if err := a.proxy.SetSupervision(s.Strategy); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	a.changed()
	reply(w, http.StatusOK, s)
}
