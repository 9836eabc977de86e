// Package demo is the destination of `tcpproxy --demo`: a web server inside the program with two pages, one that never ends
// and one that is fetched at once. Together they show that a stalled download does not hold up anybody else.
package demo

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// OK is the whole body of /~rtm/ok.
const OK = "You were able to fetch the data."

// Server is a running demo server. Its methods may be called from any goroutine.
type Server struct {
	http   http.Server
	addr   netip.AddrPort
	served chan struct{} // closed when the accepting goroutine is gone
}

// Start serves on a free port of the loopback interface until Close.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the demo's web server: %w", err)
	}
	s := &Server{
		http:   http.Server{Handler: pages(), ReadHeaderTimeout: 10 * time.Second},
		addr:   listener.Addr().(*net.TCPAddr).AddrPort(),
		served: make(chan struct{}),
	}
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
	_ = s.http.Close()
	<-s.served
}

func pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /~rtm/BIG", serveBig)
	mux.HandleFunc("GET /~rtm/ok", serveOK)
	return mux
}

// serveBig sends lines of text until the client leaves. Each write waits until the client has made room, so that a stalled
// client costs no memory here either.
func serveBig(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	lines := bytes.Repeat([]byte("All work and no play makes the proxy a dull process, byte by byte.\n"), 500)
	for {
		if _, err := w.Write(lines); err != nil {
			return
		}
	}
}

func serveOK(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, OK)
}
