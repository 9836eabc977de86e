package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every case says what it is about, and can be told from the others.
func TestCasesAreDescribed(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for i, c := range Cases() {
		if c.Title == "" || c.Sends == "" || c.Expects == "" || c.Why == "" || c.Limit <= 0 || c.run == nil {
			t.Errorf("case %d (%s) lacks something: %+v", i, c.Name, c)
		}
		if names[c.Name] || !regexp.MustCompile(`^[a-z0-9A-Z-]+$`).MatchString(c.Name) {
			t.Errorf("case %d has the name %q", i, c.Name)
		}
		names[c.Name] = true
	}
	if !slices.IsSortedFunc(Cases(), func(a, b Case) int { return a.Phase - b.Phase }) {
		t.Error("the cases are not in the order of their phases")
	}
}

// recorder is an observer that checks what it is told.
type recorder struct {
	t       *testing.T
	running map[string]bool
	results []Result
}

func (r *recorder) Begun(c Case) { r.running[c.Name] = true }

func (r *recorder) Ended(c Case) {
	if !r.running[c.Name] {
		r.t.Errorf("%s ended without having begun", c.Name)
	}
	delete(r.running, c.Name)
}

func (r *recorder) Result(result Result) { r.results = append(r.results, result) }

// options are those of a run on the forwarder of this repository that can be told to be wrong.
func options(t *testing.T, arguments, cases string) Options {
	t.Helper()
	program := filepath.Join(t.TempDir(), "faulty")
	if text, err := exec.Command("go", "build", "-o", program, "tcpproxy/test/conformance/faulty").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	command, err := ParseCommand(program + " " + arguments)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Command: command, Run: regexp.MustCompile("^(" + cases + ")$"), Rule: 4 * time.Second, Jobs: 4, Many: 50, Seed: 1}
}

// Run reports the cases in order, each once; and nothing is left running.
func TestRunReportsInOrder(t *testing.T) {
	t.Parallel()
	opts := options(t, "--timeout 4s --fault no-eof", "size-0|round-trips|half-close-client|server-first|idle-cut|reset-server|storm|drain")
	r := &recorder{t: t, running: map[string]bool{}}
	results := Run(t.Context(), opts, r)
	var verdicts, reported []string
	for _, result := range results {
		verdicts = append(verdicts, result.Name+" "+string(result.Verdict))
	}
	for _, result := range r.results {
		reported = append(reported, result.Name+" "+string(result.Verdict))
	}
	want := []string{
		"size-0 failed", "round-trips passed", "half-close-client failed", "server-first passed",
		"idle-cut passed", "reset-server passed", "storm passed", "drain skipped",
	}
	if !slices.Equal(verdicts, want) || !slices.Equal(reported, want) || len(r.running) > 0 {
		t.Errorf("returned %q\nreported %q\nwant     %q\nstill running: %v", verdicts, reported, want, r.running)
	}
}

// A run that is interrupted ends at once, and says which cases have no verdict for it.
func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	opts := options(t, "--timeout 1m", "slow-server")
	opts.Rule = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := &interrupter{cancel: cancel}
	results := Run(ctx, opts, begun)
	if len(results) != 1 || results[0].Verdict != Skipped || results[0].Came != "interrupted" {
		t.Errorf("%+v", results)
	}
}

// interrupter ends the run as soon as a case begins.
type interrupter struct{ cancel context.CancelFunc }

func (i *interrupter) Begun(Case)    { i.cancel() }
func (i *interrupter) Ended(Case)    {}
func (i *interrupter) Result(Result) {}

// A case that finds no end is ended by its deadline, and the report says where it was.
func TestDeadline(t *testing.T) {
	t.Parallel()
	opts := options(t, "--timeout 1m", "none")
	r := &run{opts: &opts, ports: &ports{}}
	defer r.ports.release()
	result := r.try(t.Context(), Case{
		Name: "endless", Limit: 300 * time.Millisecond, Expects: "an end",
		run: func(t *Trial) error {
			f, d, err := t.forwardToListener()
			if err != nil {
				return err
			}
			client, _, err := t.pair(f, d)
			if err != nil {
				return err
			}
			t.step("waiting for a byte that never comes")
			return client.expect(t.stream(0), 0, 1)
		},
	})
	if result.Verdict != Failed || !strings.Contains(result.Came, "while waiting for a byte") {
		t.Errorf("%+v", result)
	}
}

// Memory that grows in every round is a leak; memory that stops growing is not, however long it took.
func TestStable(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	tests := []struct {
		readings []int64
		rounds   int
		leaks    bool
	}{
		{[]int64{50 * mb, 50 * mb}, 2, false},
		{[]int64{50 * mb, 80 * mb, 60 * mb}, 3, false},
		{[]int64{20 * mb, 30 * mb, 40 * mb, 50 * mb, 60 * mb, 61 * mb}, 6, false},
		{[]int64{20 * mb, 30 * mb, 40 * mb, 50 * mb, 60 * mb, 70 * mb}, 6, true},
	}
	for _, test := range tests {
		var most int64
		for round, memory := range test.readings {
			enough, err := stable(round, &most, memory)
			if last := round == test.rounds-1; (enough || err != nil) != last || (err != nil) != (last && test.leaks) {
				t.Errorf("%v: after round %d: enough %v, error %v", test.readings, round, enough, err)
			}
		}
	}
}

// On a terminal the report shows what is running; anywhere else every line stays.
func TestProgressOnlyOnTerminal(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		var out strings.Builder
		r := NewReport(&out, &Options{Command: Command{Text: "x"}}, live)
		c := Cases()[0]
		r.Begun(c)
		r.Ended(c)
		r.Result(Result{Case: c, Verdict: Passed})
		r.Close([]Result{{Case: c, Verdict: Passed}})
		if strings.Contains(out.String(), "\r") != live || !strings.Contains(out.String(), "1 passed, 0 failed, 0 skipped") {
			t.Errorf("live %v: %q", live, out.String())
		}
	}
	if file, err := os.Open(os.DevNull); err != nil || Terminal(file) {
		t.Errorf("the null device is taken for a terminal (%v)", err)
	} else {
		file.Close()
	}
}
