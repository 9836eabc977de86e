package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// maxToken bounds a token file, in bytes.
const maxToken = 4 << 10

// onlyBearer is the guard of an API with a token: the content of file.
func onlyBearer(file string, log *slog.Logger) (middleware, error) {
	token, err := readToken(file, log)
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !sameSecret(bearer(r), token) {
				w.Header().Set("WWW-Authenticate", "Bearer")
				turnAway(w, http.StatusUnauthorized, "send the token as Authorization: Bearer TOKEN")
				return
			}
			next.ServeHTTP(w, r)
		})
	}, nil
}

// readToken always returns: what is not a regular file may have no end, or make whoever opens it wait.
func readToken(file string, log *slog.Logger) (string, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: it is not a regular file", file)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxToken+1)) // not to trust the size: a file may grow, and those of /proc have none
	if err != nil {
		return "", err
	}
	if len(content) > maxToken {
		return "", fmt.Errorf("%s: it is larger than %d bytes", file, maxToken)
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return "", fmt.Errorf("%s: it is empty", file)
	}
	if info.Mode().Perm()&0o044 != 0 {
		log.Warn("others than its owner can read the token file", "file", file, "mode", info.Mode().Perm().String())
	}
	return token, nil
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
