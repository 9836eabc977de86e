package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
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

// onlyLocalHost is the guard of an API without a token. Only programs of this machine reach it, but a browser is such a
// program, and any web page can have its own name resolve to 127.0.0.1 (DNS rebinding). Its requests then carry that name.
func onlyLocalHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !isLoopback(strings.Trim(host, "[]")) {
			refuse(w, http.StatusForbidden, "the Host header must name localhost or a loopback address, since no token protects this API")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// onlyBearer is the guard of an API with a token: the content of file.
func onlyBearer(file string) (middleware, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return nil, fmt.Errorf("token file %s is empty", file)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !sameSecret(bearer(r), token) {
				w.Header().Set("WWW-Authenticate", "Bearer")
				refuse(w, http.StatusUnauthorized, "send the token as Authorization: Bearer TOKEN")
				return
			}
			next.ServeHTTP(w, r)
		})
	}, nil
}

// bearer is the token that the request carries; "" if none. RFC 9110 does not care for the case of the scheme.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// sameSecret takes the same time wherever the two differ. It compares hashes since ConstantTimeCompare gives the length away.
func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
