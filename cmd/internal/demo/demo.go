// Package demo is the destination of `tcpproxy --demo`: a web server inside the program with two pages, one that never ends
// and one that is fetched at once. Together they show that a stalled download does not hold up anybody else. For `--show` it is
// a few clients, too, so that there is something to see, and two pages for them; see Traffic.
package demo

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// OK is the whole body of /~rtm/ok.
const OK = "You were able to fetch the data."

// line is what the pages that do not end consist of.
const line = "All work and no play makes the proxy a dull process, byte by byte.\n"

// Server is a running demo server. Its methods may be called from any goroutine.
type Server struct {
	http   http.Server
	addr   netip.AddrPort
	served chan struct{} // closed when the accepting goroutine is gone
	closed chan struct{}
	close  sync.Once
}

// Start serves on a free port of the loopback interface until Close.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the demo's web server: %w", err)
	}
	s := &Server{
		addr:   listener.Addr().(*net.TCPAddr).AddrPort(),
		served: make(chan struct{}),
		closed: make(chan struct{}),
	}
	s.http = http.Server{Handler: pages(s.closed), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener) // it always ends with an error: that of Close
	}()
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Close ends the server and every download that still runs.
func (s *Server) Close() {
	s.close.Do(func() { close(s.closed) })
	_ = s.http.Close()
	<-s.served
}

func pages(closed <-chan struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /~rtm/BIG", serveBig)
	mux.HandleFunc("GET /~rtm/ok", serveOK)
	mux.HandleFunc("GET /~rtm/steady", servePaced(steadyChunk, steadyEvery, closed))
	mux.HandleFunc("GET /~rtm/drip", servePaced(1, dripEvery, closed))
	return mux
}

// serveBig sends lines of text until the client leaves. Each write waits until the client has made room, so that a stalled
// client costs no memory here either.
func serveBig(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	lines := bytes.Repeat([]byte(line), 500)
	for {
		if _, err := w.Write(lines); err != nil {
			return
		}
	}
}

// Of the pages that do not end, one is as fast as the proxy's figures are lively and a processor does not notice: 3 MiB a second. The
// other one is a line now and then.
const (
	steadyChunk = 1000 // lines, of 67 bytes
	steadyEvery = 20 * time.Millisecond
	dripEvery   = 500 * time.Millisecond
)

// servePaced sends so many lines at a time, until the client leaves or the server is closed. The request's context does not count: it ends
// as soon as the client has closed its half of the connection, which is what one client does to show that the other half goes on.
func servePaced(lines int, every time.Duration, closed <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		chunk, flush := bytes.Repeat([]byte(line), lines), http.NewResponseController(w)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
			if err := flush.Flush(); err != nil {
				return
			}
			select {
			case <-tick.C:
			case <-closed:
				return
			}
		}
	}
}

func serveOK(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, OK)
}
