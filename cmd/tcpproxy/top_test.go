package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The command is told from a destination that is called top by the shape of the command line.
func TestTopOrHost(t *testing.T) {
	for line, want := range map[string]bool{
		"top":                                true,
		"top --admin 127.0.0.1:1":            true,
		"top --admin=127.0.0.1:1":            true,
		"top --admin-token-file f --admin a": true,
		"top --help":                         true,
		"top --admin":                        true,
		"top 80 3000":                        false,
		"top 80":                             false,
		"top --admin 127.0.0.1:1 80 3000":    false,
		"top --idle-timeout 5s 80 3000":      false,
		"top --survive":                      false,
		"--admin 127.0.0.1:1 top 80 3000":    false,
		"--demo top":                         false,
		"":                                   false,
	} {
		if got := isTop(strings.Fields(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
	if p, err := parse([]string{"top", "80", "3000"}, io.Discard); err != nil || p.proxy.Host != "top" {
		t.Errorf("a host called top: %q, %v", p.proxy.Host, err)
	}
}

// What is executed has the arguments; where it is missing, the line says what to do.
func TestTopIsExecuted(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$@\"\nexit 7\n"
	if err := os.WriteFile(filepath.Join(dir, topProgram), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if code, stdout, stderr := outcome(t, "top", "--admin", "127.0.0.1:1"); code != 7 || stdout != "--admin 127.0.0.1:1\n" || stderr != "" {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	t.Setenv("PATH", t.TempDir())
	code, stdout, stderr := outcome(t, "top")
	if code != exitError || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "there is no tcpproxy-top") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
}
