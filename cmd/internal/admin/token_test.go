package admin

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestToken(t *testing.T) {
	server := newFake().serve(t, Config{TokenFile: tokenFile(t, " s3cret\n")})
	for header, want := range map[string]int{
		"Authorization: Bearer s3cret":  200,
		"Authorization: bearer s3cret":  200,
		"Authorization: Bearer s3cre":   401,
		"Authorization: Bearer s3cret2": 401,
		"Authorization: Basic s3cret":   401,
		"Authorization: Bearer":         401,
		"X-Nothing: at all":             401,
	} {
		if status, body := call(t, server, "GET", "/api/tree", "", header); status != want {
			t.Errorf("%s: status %d, body %q; want %d", header, status, body, want)
		}
	}
	if status, _ := call(t, server, "GET", "/healthz", ""); status != 200 {
		t.Errorf("/healthz without token: status %d, want 200", status)
	}
	// With a token the caller need not be of this machine, so any name will do.
	if status, _ := call(t, server, "GET", "/api/tree", "", "Authorization: Bearer s3cret", "Host: proxy.example"); status != 200 {
		t.Errorf("another host name with the token: status %d, want 200", status)
	}
	status, _ := call(t, server, "DELETE", "/api/sessions/7", "", "Authorization: Bearer s3cret", "Sec-Fetch-Site: cross-site")
	if status != 403 {
		t.Errorf("a cross-origin write with the token: status %d, want 403", status)
	}
}

// What is no ordinary file, or too large for a token, is refused at once. /dev/zero has no end, and nobody writes to the pipe.
func TestTokenFileMustBeOrdinary(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, says := range map[string]string{
		"/dev/zero": "regular file",
		pipe:        "regular file",
		t.TempDir(): "regular file",
		"/dev/null": "regular file",
		tokenFile(t, strings.Repeat("x", maxToken+1)): "larger than 4096 bytes",
	} {
		listened := make(chan error, 1)
		go func() {
			server, err := Listen(Config{Addr: "127.0.0.1:0", TokenFile: file})
			if err == nil {
				server.Close()
			}
			listened <- err
		}()
		select {
		case err := <-listened:
			if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), file) {
				t.Errorf("%s: %v; want an error that says %q", file, err, says)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: Listen does not return", file)
		}
	}
}

func TestLargestToken(t *testing.T) {
	token := strings.Repeat("x", maxToken)
	server := newFake().serve(t, Config{TokenFile: tokenFile(t, token)})
	if status, body := call(t, server, "GET", "/api/tree", "", "Authorization: Bearer "+token); status != 200 {
		t.Errorf("status %d, body %q; want 200", status, body)
	}
}

// A secret that others can read is worth a warning, and works all the same: it may be meant for a group.
func TestReadableTokenFileIsWarnedAbout(t *testing.T) {
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o644: true, 0o622: false} {
		file := tokenFile(t, "s3cret")
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		server, err := Listen(Config{Addr: "127.0.0.1:0", TokenFile: file, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Errorf("mode %v: %v", mode, err)
			continue
		}
		server.Close()
		text := log.String()
		said := strings.Contains(text, "level=WARN") && strings.Contains(text, file) && strings.Contains(text, mode.String())
		if said != warned || strings.Contains(text, "s3cret") {
			t.Errorf("mode %v: the log says %q", mode, text)
		}
	}
}

func tokenFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
