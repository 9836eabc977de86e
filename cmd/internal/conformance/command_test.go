package conformance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCommandArguments(t *testing.T) {
	t.Parallel()
	spaced := filepath.Join(t.TempDir(), "a forwarder")
	if err := os.WriteFile(spaced, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		text, host string
		want       []string
	}{
		{"/bin/sh", "127.0.0.1", []string{"/bin/sh", "127.0.0.1", "80", "8080"}},
		{"sh", "127.0.0.1", []string{"/bin/sh", "127.0.0.1", "80", "8080"}},
		{"/bin/sh --flag 'two words'", "h", []string{"/bin/sh", "--flag", "two words", "h", "80", "8080"}},
		{spaced, "h", []string{spaced, "h", "80", "8080"}},
		{"/bin/sh L:{listen},fork T:{host}:{port}", "h", []string{"/bin/sh", "L:8080,fork", "T:h:80"}},
		{"/bin/sh L:{listen},fork T:{host}:{port}", "::1", []string{"/bin/sh", "L:8080,fork", "T:[::1]:80"}},
		{"/bin/sh {host} {port} {listen} {dir}/x", "::1", []string{"/bin/sh", "::1", "80", "8080", "scratch/x"}},
		{`/bin/sh "{host} {port}" \{listen\} '{listen}'`, "h", []string{"/bin/sh", "h 80", "8080", "8080"}},
	}
	for _, test := range tests {
		c, err := ParseCommand(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		got := c.argv(test.host, 80, 8080, "scratch")
		got[0] = strings.Replace(got[0], "/usr/bin/sh", "/bin/sh", 1) // the same file on many systems
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.text, got, test.want)
		}
	}
}

// Whatever words are quoted, splitting gives them back.
func TestSplitWordsQuoted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[ a-z'"\\{}\t]{0,8}`), 1, 5).Draw(t, "words")
		var quoted []string
		for _, word := range words {
			quoted = append(quoted, quote(word))
		}
		got, err := splitWords(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(got, words) {
			t.Fatalf("%q became %q, %v", words, got, err)
		}
	})
}
