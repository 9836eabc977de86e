package command

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/lab"
)

// mine is a strategy of one's own.
var mine = actors.Strategy{Name: "mine", Answer: func(f actors.Failure) { f.Restart(f.Who()) }}

// obey runs the program.
func obey(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	p := &program{strategies: []actors.Strategy{mine}, stdout: &out, stderr: &err}
	code = p.main(ctx, args)
	return code, out.String(), err.String()
}

// write writes an experiment file.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const own = `name: own
question: Does it live?
strategies: [mine]
victims: [client-reader]
quick: 2
predict:
  - {figure: lived, value: 1, says: It lives.}
  - {figure: restarts, value: 7, says: It takes seven restarts.}
`

func TestAnswers(t *testing.T) {
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"list"}, "reader-dies"},
		{[]string{"show", "price"}, "name: price\n"},
		{[]string{"new", "my-first"}, "my-first"},
		{[]string{"schema"}, `"$schema"`},
		{[]string{"--help"}, "compare"},
		{[]string{"run", "--help"}, "--quick"},
	} {
		if code, out, err := obey(t.Context(), row.args...); code != 0 || !strings.Contains(out, row.want) || err != "" {
			t.Errorf("%q: exit code %d, %q, %q", row.args, code, out, err)
		}
	}
}

// TestShowKnowsWhatListKnows, and no other document.
func TestShowKnowsWhatListKnows(t *testing.T) {
	all, err := lab.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if text := string(lab.Source(x.Name)); strings.Count(text, "question:") != 1 || !strings.Contains(text, "name: "+x.Name+"\n") {
			t.Errorf("%s: %q", x.Name, text)
		}
	}
}

func TestUsage(t *testing.T) {
	bad := write(t, "name: own\nquestion: Why?\nvictims: [nobody]\n")
	for _, row := range []struct {
		args []string
		want string
	}{
		{nil, "expected one of"},
		{[]string{"fly"}, "unexpected argument fly"},
		{[]string{"run", "--seed", "x"}, "--seed"},
		{[]string{"run", "--repeat", "-1"}, "--repeat"},
		{[]string{"run", "--only", "nobody"}, "it is one of reader-dies"},
		{[]string{"run", bad}, "own.yaml:3:"},
		{[]string{"show", "nobody"}, "it is one of reader-dies"},
		{[]string{"new", "My first"}, "a word with hyphens"},
	} {
		code, out, err := obey(t.Context(), row.args...)
		if code != exitUsage || !strings.Contains(err, row.want) || !strings.HasPrefix(err, "supervision-lab: ") || out != "" {
			t.Errorf("%q: exit code %d, %q, %q", row.args, code, out, err)
		}
	}
}

func TestErrorsAreOneLine(t *testing.T) {
	old := write(t, `{"version": 0}`)
	for _, args := range [][]string{{"compare", old, old}, {"compare", "none.json", old}, {"run", "--out", old, write(t, own)}} {
		if code, _, err := obey(t.Context(), args...); code != exitError || strings.Count(err, "\n") != 1 {
			t.Errorf("%q: exit code %d, %q", args, code, err)
		}
	}
}

// TestRun carries out an experiment with a strategy of one's own, and compares it with itself.
func TestRun(t *testing.T) {
	path, dir := write(t, own), t.TempDir()
	code, out, err := obey(t.Context(), "run", "--quick", "--seed", "7", "--out", dir, path)
	if code != 0 || !strings.Contains(out, "1 of 2 predictions held, 2 runs") || !strings.Contains(out, "seven restarts") ||
		!strings.Contains(err, "2 of 2 runs, own: mine, client-reader, ping-pong\n") {
		t.Fatalf("exit code %d, %q, %q", code, out, err)
	}
	json := filepath.Join(dir, "results.json")
	r, failed := results(json)
	if failed != nil || r.Seed != 7 || !strings.Contains(r.Command, "run --seed 7 --quick ") || len(r.Experiments[0].Cells[0].Runs) != 2 {
		t.Errorf("%v: %+v", failed, r)
	}
	if code, out, err := obey(t.Context(), "compare", json, json); code != 0 || out == "" || err != "" {
		t.Errorf("exit code %d, %q, %q", code, out, err)
	}
}

// TestInterrupted: there is a report of what was done.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	code, _, err := obey(ctx, "run", "--out", dir, write(t, own))
	text, failed := os.ReadFile(filepath.Join(dir, "results.json"))
	var r lab.Results
	if code != exitError || !strings.Contains(err, "interrupted") || failed != nil || json.Unmarshal(text, &r) != nil || !r.Interrupted {
		t.Errorf("exit code %d, %q, %v, %+v", code, err, failed, r)
	}
}
