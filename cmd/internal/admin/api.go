package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// maxBody bounds what a caller may send, in bytes.
const maxBody = 4 << 10

// api is the way from HTTP to the proxy: every question has a time limit.
type api struct {
	proxy    Proxy
	watch    *watch
	hub      *hub
	patience time.Duration
	process  func() Process
	faults   bool

	tree, sessions answers
	changes        atomic.Uint64 // see changed
	chooser        chooser
	pacer          pacer
}

func newAPI(proxy Proxy, s *Server) *api {
	patience, closed := s.config.Patience, s.listener.closed
	a := &api{
		proxy: proxy, watch: &s.watch, hub: s.hub, patience: patience, process: s.config.Process, faults: s.config.Faults,
	}
	a.tree = answers{patience: patience, changes: &a.changes, ask: func(ctx context.Context) (any, error) { return proxy.Tree(ctx) }}
	a.sessions = answers{patience: patience, changes: &a.changes, ask: func(ctx context.Context) (any, error) {
		sessions, err := proxy.Sessions(ctx)
		if sessions == nil {
			sessions = messages.Sessions{} // [] in JSON, not null
		}
		return sessions, err
	}}
	a.tree.closed, a.sessions.closed = closed, closed
	return a
}

// changed must be called when a caller has changed something, before he is told so: no answer that was begun before is given after.
func (a *api) changed() { a.changes.Add(1) }

// route is what is done about a request.
type route struct {
	method, path string
	do           http.HandlerFunc
}

// routes are those of the whole API, but for the metrics and the page, which are not its own. They are described in openapi.json.
func (s *Server) routes(a *api) []route {
	all := []route{
		{"GET", "/healthz", func(w http.ResponseWriter, _ *http.Request) { probe(w, a.alive()) }},
		{"GET", "/readyz", func(w http.ResponseWriter, _ *http.Request) { probe(w, a.alive() && a.watch.accepts()) }},
		{"GET", "/api/tree", a.serveTree},
		{"GET", "/api/sessions", a.serveSessions},
		{"DELETE", "/api/sessions/{id}", a.endSession},
		{"GET", "/api/stats", a.showStats},
		{"GET", "/api/process", a.showProcess},
		{"GET", "/api/events", atMost(followersFor(s.listener.limit, s.requests()), http.HandlerFunc(a.follow)).ServeHTTP},
		{"GET", "/api/openapi.json", showDescription},
		{"POST", "/api/faults", a.injectFault},
		{"PUT", "/api/supervision", a.setSupervision},
	}
	if !s.config.Faults {
		for i := range all {
			if all[i].path == "/api/faults" || all[i].path == "/api/supervision" {
				all[i].do = refuseFault
			}
		}
	}
	if s.config.Metrics != nil {
		all = append(all, route{"GET", "/metrics", s.config.Metrics.ServeHTTP})
	}
	if s.config.Console != nil {
		all = append(all, route{"GET", "/{$}", s.config.Console.ServeHTTP}, route{"GET", "/console/", s.config.Console.ServeHTTP})
	}
	return all
}

// requests is how many are answered at once. The rest of the callers are those who probe.
func (s *Server) requests() int { return max(1, s.listener.limit*3/4) }

// handler is the whole API. The probes are outside the guard: whoever restarts dead programs need not know the token, and they
// tell nothing else.
func (s *Server) handler(a *api) http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes(a) {
		mux.HandleFunc(r.method+" "+r.path, r.do)
	}
	most := s.requests()
	limited := atMost(most, http.NewCrossOriginProtection().Handler(mux))
	guarded := s.guard(limited)
	page := s.doorway(atMost(max(1, most/2), limited)) // strangers get no further than that, and must leave room for the others
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/healthz" || path == "/readyz":
			mux.ServeHTTP(w, r)
		case s.config.Console != nil && (path == "/" || strings.HasPrefix(path, "/console/")):
			page.ServeHTTP(w, r)
		default:
			guarded.ServeHTTP(w, r)
		}
	})
}

// probe also closes the connection: those who probe come seldom, and there may be many of them.
func probe(w http.ResponseWriter, good bool) {
	w.Header().Set("Connection", "close")
	if !good {
		refuse(w, http.StatusServiceUnavailable, "the proxy does not accept clients just now, is draining, or is gone")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// alive tells whether the proxy has not stopped.
func (a *api) alive() bool {
	select {
	case <-a.proxy.Done():
		return false
	default:
		return true
	}
}

func (a *api) endSession(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		refuse(w, http.StatusBadRequest, "a session's id is a whole number")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.patience)
	defer cancel()
	switch err := a.proxy.EndSession(ctx, id); {
	case errors.Is(err, actors.ErrNoSession):
		refuse(w, http.StatusNotFound, fmt.Sprintf("no session %d", id))
	case err != nil:
		refuseUnanswered(w, err)
	default:
		a.changed()
		w.WriteHeader(http.StatusNoContent)
	}
}

func refuseUnanswered(w http.ResponseWriter, err error) {
	refuse(w, http.StatusServiceUnavailable, "the proxy does not answer: "+err.Error())
}

// readOr400 reads the body with readJSON, or answers why it cannot.
func readOr400(w http.ResponseWriter, r *http.Request, into any) bool {
	err := readJSON(w, r, into)
	if err == nil {
		return true
	}
	status := http.StatusBadRequest
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		status = http.StatusRequestEntityTooLarge
	}
	refuse(w, status, err.Error())
	return false
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

// reply answers with a body as JSON.
func reply(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	write(w, status, append(text, '\n'))
}

// write writes the whole answer at once. A caller who has gone is no concern of the proxy's.
func write(w http.ResponseWriter, status int, text []byte) {
	head(w, status)
	_, _ = w.Write(text)
}

func head(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}
