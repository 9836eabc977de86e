// Package admin serves the HTTP API of a running proxy: what its actors are doing, ending single sessions, and making actors
// fail. It reaches the actors through the methods of actors.Proxy and through events only, and shares no memory with them, so nothing that
// a caller does here can hold up the bytes of a session.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// Proxy is what the API needs of an actors.Proxy; see there.
type Proxy interface {
	Tree(ctx context.Context) (messages.Node, error)
	Sessions(ctx context.Context) (messages.Sessions, error)
	EndSession(ctx context.Context, id uint64) error
	SetSupervision(name string) error
	Supervision() string
	Stats() actors.Stats
	Kill(pid, mode, by string) error
	Done() <-chan struct{}
}

// Config says where and to whom the API is served.
type Config struct {
	// Addr is the host:port to listen on; port 0 lets the system choose.
	Addr string
	// TokenFile names a file whose content, without white space around it, callers must send as a bearer token.
	// It may be empty if Addr is a loopback address. A regular file of 4 KiB at most.
	TokenFile string
	// Faults permits POST /api/faults and PUT /api/supervision.
	Faults bool
	// Patience is how long the actors may take to answer. 0 = 2 s.
	Patience time.Duration
	// Log gets what goes wrong here, such as handlers that panic. nil discards it.
	Log *slog.Logger
	// Process tells of the processes. nil = there is this one, and nothing goes on after it.
	Process func() Process
	// Metrics answers GET /metrics, for callers who may ask for the rest, too. nil = there are none.
	Metrics http.Handler
	// Console answers GET / and what is under /console/: a page without secrets, which asks for the token itself, so that whoever
	// opens it need not have sent one. nil = there is none.
	Console http.Handler
}

// ErrExposed says that an address other than loopback was to be served without a token.
var ErrExposed = errors.New("an address other than loopback needs a token file")

// Server is the API of one proxy. Observe may be called from any goroutine; Serve and Close are for the owner's.
type Server struct {
	config   Config
	guard    middleware
	doorway  middleware // the guard of what takes no token
	listener *crowd
	http     http.Server
	served   chan struct{} // closed when the accepting goroutine is gone; nil before Serve
	watch    watch
	hub      *hub
}

// Listen reads the token and opens the port, so that a mistake in either shows before the proxy starts. Callers wait in the
// backlog until Serve. The owner must Close the Server.
func Listen(config Config) (*Server, error) {
	loopback, err := Loopback(config.Addr)
	if err != nil {
		return nil, err
	}
	if !loopback && config.TokenFile == "" {
		return nil, fmt.Errorf("%s: %w", config.Addr, ErrExposed)
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	guard, doorway := middleware(onlyLocalHost), middleware(onlyLocalHost)
	if config.TokenFile != "" {
		doorway = func(next http.Handler) http.Handler { return next } // by whatever name: a page of another's could learn nothing here
		if guard, err = onlyBearer(config.TokenFile, config.Log); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", config.Addr)
	if err != nil {
		return nil, err
	}
	if config.Process == nil {
		config.Process = alone()
	}
	if config.Patience == 0 {
		config.Patience = 2 * time.Second
	}
	return &Server{
		config: config, guard: guard, doorway: doorway, listener: newCrowd(listener, callersFor(descriptorLimit())), hub: newHub(config.Log),
	}, nil
}

// Addr is the address that the API is served on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Observe must be given every event of the proxy. It returns at once.
func (s *Server) Observe(event any) {
	s.hub.observe(event)
	s.watch.observe(event)
}

// EventsDropped is how many events those who follow them have missed, because they, or this package, were too slow. From any goroutine.
func (s *Server) EventsDropped() uint64 { return s.hub.dropped() }

// Serve answers callers about the proxy, until Close. It does not wait.
func (s *Server) Serve(proxy Proxy) {
	s.http.Handler = s.handler(newAPI(proxy, s))
	s.listener.attach(&s.http)
	// A caller who is slow, or silent, holds a goroutine and a descriptor for so long at most.
	s.http.ReadHeaderTimeout = 5 * time.Second
	s.http.ReadTimeout = 10 * time.Second
	s.http.WriteTimeout = 30 * time.Second
	s.http.IdleTimeout = 5 * time.Second
	s.http.MaxHeaderBytes = 16 << 10
	// The library would write past the format of the log, and wait for whoever reads it.
	s.http.ErrorLog = slog.NewLogLogger(s.config.Log.Handler(), slog.LevelWarn)
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		_ = s.http.Serve(s.listener) // it always ends with an error: that of Close
	}()
}

// Close ends the API at once. Requests under way are cut off.
func (s *Server) Close() {
	defer s.hub.close()
	if s.served == nil {
		_ = s.listener.Close()
		return
	}
	_ = s.http.Close()
	<-s.served
}
