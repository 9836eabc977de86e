package admin

import (
	"os"
	"path/filepath"
	"testing"
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
	if status, _ := call(t, server, "DELETE", "/api/sessions/7", "", "Authorization: Bearer s3cret", "Sec-Fetch-Site: cross-site"); status != 403 {
		t.Errorf("a cross-origin write with the token: status %d, want 403", status)
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
