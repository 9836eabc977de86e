package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"tcpproxy/messages"
)

// maxBody bounds what a caller may send, in bytes.
const maxBody = 4 << 10

// handler is the whole API. The probes are outside the guard: whoever restarts dead programs need not know the token, and they
// tell nothing else.
func (s *Server) handler(t *tree) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { probe(w, t.alive()) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { probe(w, t.alive() && !s.draining.Load()) })
	mux.HandleFunc("GET /api/tree", t.serveTree)
	mux.HandleFunc("GET /api/sessions", t.serveSessions)
	mux.HandleFunc("DELETE /api/sessions/{id}", t.endSession)
	if s.config.Faults {
		mux.HandleFunc("POST /api/faults", t.injectFault)
	} else {
		mux.HandleFunc("POST /api/faults", refuseFault)
	}

	guarded := s.guard(http.NewCrossOriginProtection().Handler(mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			mux.ServeHTTP(w, r)
		} else {
			guarded.ServeHTTP(w, r)
		}
	})
}

func probe(w http.ResponseWriter, good bool) {
	if !good {
		refuse(w, http.StatusServiceUnavailable, "the proxy is draining or gone")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func (t *tree) serveTree(w http.ResponseWriter, _ *http.Request) {
	node, err := ask[messages.Node](t, &messages.DescribeTree{})
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	reply(w, http.StatusOK, node)
}

func (t *tree) serveSessions(w http.ResponseWriter, _ *http.Request) {
	sessions, err := ask[messages.Sessions](t, &messages.ListSessions{})
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	if sessions == nil {
		sessions = messages.Sessions{} // [] in JSON, not null
	}
	reply(w, http.StatusOK, sessions)
}

func (t *tree) endSession(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		refuse(w, http.StatusBadRequest, "a session's id is a whole number")
		return
	}
	end, err := ask[messages.EndSessionReply](t, &messages.EndSession{ID: id})
	switch {
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err.Error())
	case !end.Found:
		refuse(w, http.StatusNotFound, fmt.Sprintf("no session %d", id))
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// fault is the body of POST /api/faults.
type fault struct {
	PID  string `json:"pid"`  // as in GET /api/tree
	Mode string `json:"mode"` // panic or stop
}

// injectFault answers 202: the fault is on its way, behind the messages that wait in the actor's mailbox.
func (t *tree) injectFault(w http.ResponseWriter, r *http.Request) {
	var f fault
	if err := readJSON(w, r, &f); err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(w, status, err.Error())
		return
	}
	inject := t.fail
	switch f.Mode {
	case "panic":
	case "stop":
		inject = t.stop
	default:
		refuse(w, http.StatusBadRequest, fmt.Sprintf("mode is %q, but it takes panic or stop", f.Mode))
		return
	}
	pid, ok := t.find(f.PID)
	if !ok {
		refuse(w, http.StatusNotFound, fmt.Sprintf("no actor %q: GET /api/tree has the pids", f.PID))
		return
	}
	inject(pid)
	reply(w, http.StatusAccepted, f)
}

func refuseFault(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusForbidden, "faults are off: start the proxy with --faults")
}

// readJSON reads a body that is one JSON object with the fields of into, and no others.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields()
	if err := body.Decode(into); err != nil {
		return fmt.Errorf("the body is not the JSON expected: %w", err)
	}
	if _, err := body.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body goes on after its JSON object")
	}
	return nil
}

// refuse answers with a reason, as JSON.
func refuse(w http.ResponseWriter, status int, reason string) {
	reply(w, status, struct {
		Error string `json:"error"`
	}{reason})
}

// reply writes the whole answer at once. A caller who has gone is no concern of the proxy's.
func reply(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
