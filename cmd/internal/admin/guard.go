package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// A middleware lets requests through to the next handler or answers them itself.
type middleware func(next http.Handler) http.Handler

// Loopback tells whether addr, a host:port, can be reached from this machine only. It goes by the spelling: the name localhost
// and the addresses 127.0.0.0/8 and ::1 are loopback; other names, and no host at all, are not. The error says that addr is not
// a host:port.
func Loopback(addr string) (bool, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false, err
	}
	if port == "" {
		return false, &net.AddrError{Err: "missing port in address", Addr: addr}
	}
	return isLoopback(host), nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// turnAway refuses a caller who has no business here, and closes the connection. The HTTP server first takes what is still to come of
// the request, or the answer might be lost; a stranger gets less time for that than others.
func turnAway(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	refuse(w, status, reason)
}

// onlyLocalHost is the guard of an API without a token. Only programs of this machine reach it, but a browser is such a
// program, and any web page can have its own name resolve to 127.0.0.1 (DNS rebinding). Its requests then carry that name.
func onlyLocalHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !isLoopback(strings.Trim(host, "[]")) {
			turnAway(w, http.StatusForbidden, "the Host header must name localhost or a loopback address, since no token protects this API")
			return
		}
		next.ServeHTTP(w, r)
	})
}
