package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"tcpproxy/actors"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReadmeKnowsEveryStrategy compares the README's table with the code's: the names, and in the same words what each does.
func TestReadmeKnowsEveryStrategy(t *testing.T) {
	text := readme(t)
	for _, s := range actors.SupervisionStrategies() {
		if row := "\n| `" + s.Name + "` | " + s.Summary + " |"; !strings.Contains(text, row) {
			t.Errorf("the README has no row %q", row)
		}
	}
	for _, s := range actors.SessionStrategies() {
		if words := "`" + s.Name + "` (" + s.Summary + ")"; !strings.Contains(text, words) {
			t.Errorf("the README does not say %q", words)
		}
	}
}

// TestReadmeKnowsEveryFlag: each flag has its row in the README's table.
func TestReadmeKnowsEveryFlag(t *testing.T) {
	text := readme(t)
	parser, err := kong.New(&options{}, strategyVars(), helpTexts, kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range parser.Model.Flags {
		if flag.Hidden || flag.Name == "help" || flag.Name == "version" {
			continue
		}
		found := false
		for _, line := range strings.Split(text, "\n") {
			if cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |"); ok && strings.Contains(cell, "`--"+flag.Name) {
				found = true
			}
		}
		if !found {
			t.Errorf("the README's table has no --%s", flag.Name)
		}
	}
}
