// Package conformance_test tests the tester: test-proxy must pass a forwarder that is right, and fail the right cases of one that
// is wrong in a known way. Both run as processes, as they do for a user.
package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The programs under test; TestMain builds them.
var tester, faulty string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "conformance-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir+"/", "tcpproxy/cmd/test-proxy", "tcpproxy/test/conformance/faulty")
		if text, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, text)
			return 1
		}
		tester, faulty = filepath.Join(dir, "test-proxy"), filepath.Join(dir, "faulty")
		code := m.Run()
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

// rule is the timeout that the forwarder is given, instead of 10 s: the cases are all about its multiples.
const rule = 4 * time.Second

// faultyWorker is the process whose death the forwarder survives, with --survive and with the faults that are about that.
const faultyWorker = "faulty-worker"

// command is how the tester is to start the forwarder with a fault ("" for none).
func command(fault string) string {
	words := []string{faulty, "--timeout", rule.String()}
	if fault != "" {
		words = append(words, "--fault", fault)
	}
	return strings.Join(words, " ")
}

// run is what the tester says as JSON.
type run struct {
	Seed      uint64
	Passed    int
	Failed    int
	Skipped   int
	Unclaimed int `json:"not_claimed"`
	Cases     []struct {
		Name, Verdict, Expected, Came, Skipped, Alone string
	}
}

// with returns the names of the cases with a verdict, sorted.
func (r run) with(verdict string) []string {
	names := []string{}
	for _, c := range r.Cases {
		if c.Verdict == verdict {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

// try runs the tester on a command and returns its results, its output and its exit code. The results pass through a file in dir.
func try(dir, command string, flags ...string) (results run, output string, code int, err error) {
	file := filepath.Join(dir, "results.json")
	args := append([]string{"--timeout-rule", rule.String(), "--json", file}, flags...)
	c := exec.Command(tester, append(args, command)...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	text, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return results, "", 0, err
	}
	if code = c.ProcessState.ExitCode(); code > 1 {
		return results, "", code, fmt.Errorf("test-proxy ended with %v:\n%s", c.ProcessState, text)
	}
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &results)
	}
	if err != nil {
		err = fmt.Errorf("%w; test-proxy said:\n%s", err, text)
	}
	return results, string(text), code, err
}

// start is try for a test's own goroutine.
func start(t *testing.T, command string, flags ...string) (results run, output string, code int) {
	t.Helper()
	results, output, code, err := try(t.TempDir(), command, flags...)
	if err != nil {
		t.Fatal(err)
	}
	return results, output, code
}

// TestNoFault: a forwarder that is right passes every case.
func TestNoFault(t *testing.T) {
	t.Parallel()
	results, output, code := start(t, command(""), "--many", "200", "--jobs", "2")
	if failed := results.with("failed"); len(failed) > 0 {
		// With a timeout of a few seconds, a machine that is busy with other tests can be too slow for a case. By itself, it passes.
		t.Logf("failed at first:\n%s", output)
		again, output, code := start(t, command(""), "--many", "200", "--jobs", "1", "--run", "^("+strings.Join(failed, "|")+")$")
		if code != 0 || again.Failed > 0 {
			t.Errorf("exit code %d, failed: %q\n%s", code, again.with("failed"), output)
		}
	} else if code != 0 {
		t.Errorf("exit code %d\n%s", code, output)
	}
	if skipped := results.with("skipped"); !slices.Equal(skipped, []string{"size-huge"}) {
		t.Errorf("skipped: %q", skipped)
	}
	if unclaimed := results.with("not claimed"); len(unclaimed) < 10 || len(unclaimed) != results.Unclaimed ||
		slices.ContainsFunc(unclaimed, func(name string) bool { return !strings.HasPrefix(name, "killed-") }) {
		t.Errorf("%d not claimed: %q", results.Unclaimed, unclaimed)
	}
}

// TestFaults: every fault fails the cases that are about it, and leaves those that are not.
func TestFaults(t *testing.T) {
	faults := []struct {
		name  string
		fails []string
		// passes are cases that have to do with something else: they show that the tester can tell one fault from another.
		passes []string
	}{
		{"no-half-close", []string{"half-close-client", "half-close-server", "half-close-late", "fin-before-data"},
			[]string{"round-trips", "server-first"}},
		{"no-eof", []string{"echo-10x500", "size-0", "half-close-client", "close-after-answer"}, []string{"round-trips", "server-first"}},
		{"reset-for-fin", []string{"size-0", "half-close-server", "close-after-answer"}, []string{"round-trips", "reset-server-seen"}},
		{"impatient-close", []string{"half-close-late"}, []string{"half-close-client", "simultaneous-fin"}},
		{"drop-last", []string{"both-ways", "sizes", "one-byte-segments"}, []string{"size-0", "server-first"}},
		{"bit-flip", []string{"both-ways", "size-64MB", "one-byte-segments"}, []string{"size-0", "server-first"}},
		{"merge", []string{"echo-100x1000", "both-ways-20"}, []string{"size-0", "down-up"}},
		{"hold-back", []string{"round-trips"}, []string{"both-ways", "server-first"}},
		{"one-at-a-time", []string{"both-ways-20", "down-others"}, []string{"both-ways", "round-trips"}},
		{"one-lock", []string{"others-server", "others-client"}, []string{"echo-10x500", "stall-server"}},
		{"no-bound", []string{"memory-server", "memory-client", "cut-server"}, []string{"echo-10x500", "half-close-client"}},
		{"never-cuts",
			[]string{"cut-server", "cut-client", "cut-both", "cut-one-way-up", "cut-after-fin", "cut-small-up",
				"idle-cut", "idle-from-start", "idle-half-closed"},
			[]string{"slow-server", "stall-server"}},
		{"cuts-early",
			[]string{"cut-server", "cut-client", "cut-both", "stall-server", "stall-client", "idle-cut", "idle-clock", "one-direction"},
			[]string{"echo-10x500", "half-close-client"}},
		{"any-byte-counts", []string{"cut-one-way-up", "cut-one-way-down"}, []string{"idle-cut", "idle-clock"}},
		{"writes-count", []string{"slow-server", "slow-client"}, []string{"stall-server", "idle-cut"}},
		{"buffer-counts", []string{"cut-small-up", "cut-small-down"}, []string{"cut-server", "slow-client"}},
		{"blind-clock", []string{"suspended"}, []string{"idle-cut", "one-direction"}},
		{"urgent-ends", []string{"urgent", "urgent-bulk"}, []string{"both-ways", "server-first"}},
		{"lazy-connect", []string{"server-first", "idle-from-start"}, []string{"echo-10x500", "round-trips"}},
		{"fin-for-reset", []string{"reset-client-seen", "reset-server-seen"}, []string{"reset-client", "reset-server"}},
		{"drop-on-reset", []string{"early-answer"}, []string{"reset-client", "reset-server-seen"}},
		{"holds-refused", []string{"down-up", "black-hole"}, []string{"accept-close", "reset-server-seen"}},
		{"dies-refused", []string{"down-up", "down-others"}, []string{"accept-close", "reset-server-seen"}},
		{"leak", []string{"end-releases", "connect-close", "churn"}, []string{"echo-10x500", "storm"}},
		{"spins", []string{"idle-cpu", "urgent"}, []string{"size-0", "down-up"}},
		{"dies-accept", []string{"out-of-descriptors"}, []string{"storm", "port-taken"}},
		{"no-drain", []string{"drain"}, []string{"terminate", "interrupt"}},
		{"deaf", []string{"terminate", "interrupt", "drain"}, []string{"port-taken", "usage"}},
		{"ipv4-only", []string{"ipv6-client"}, []string{"ipv6-destination", "named-destination"}},
		{"quiet-usage", []string{"usage"}, []string{"port-taken", "terminate"}},
		{"forgets-all", []string{"killed-upload", "killed-half-closed", "killed-storm", "killed-drain", "killed-many"}, []string{"both-ways"}},
		{"loses-held", []string{"killed-stalled", "killed-slow-readers"}, []string{"killed-many", "both-ways"}},
		{"repeats-held", []string{"killed-stalled", "killed-slow-readers"}, []string{"killed-many", "both-ways"}},
		{"forgets-resets", []string{"killed-resets"}, []string{"killed-half-closed", "killed-upload"}},
		{"hoards", []string{"killed-resets", "killed-many"}, []string{"killed-ping-pong", "killed-drain"}},
	}
	var known []string
	for _, f := range faults {
		known = append(known, f.name)
	}
	if all := listedFaults(t); !slices.Equal(all, known) {
		t.Errorf("the forwarder knows the faults %q, this test %q", all, known)
	}
	// Most of the time is spent waiting for timeouts, so more go at once than there are processors: the runs are begun here, and
	// the subtests only look at what came of them.
	t.Parallel()
	type outcome struct {
		results run
		output  string
		code    int
		err     error
	}
	slots := make(chan struct{}, 9)
	outcomes := make([]chan outcome, len(faults))
	for i, f := range faults {
		slices.Sort(f.fails)
		outcomes[i] = make(chan outcome, 1)
		dir := t.TempDir()
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var o outcome
			cases := strings.Join(slices.Concat(f.fails, f.passes), "|")
			for range 2 { // a second time, as in TestNoFault
				o.results, o.output, o.code, o.err = try(dir, command(f.name), "--many", "100", "--jobs", "2", "--worker", faultyWorker,
					"--run", "^("+cases+")$")
				if o.err != nil || slices.Equal(o.results.with("failed"), f.fails) {
					break
				}
			}
			outcomes[i] <- o
		}()
	}
	for i, f := range faults {
		o := <-outcomes[i]
		t.Run(f.name, func(t *testing.T) {
			if o.err != nil {
				t.Fatal(o.err)
			}
			failed := o.results.with("failed")
			if !slices.Equal(failed, f.fails) || o.code != 1 || len(o.results.Cases) != len(f.fails)+len(f.passes) {
				t.Errorf("exit code %d, failed: %q\nwant 1, %q\n%s", o.code, failed, f.fails, o.output)
			}
		})
	}
}

// listedFaults asks the forwarder for its faults.
func listedFaults(t *testing.T) []string {
	text, err := exec.Command(faulty, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		names = append(names, strings.Fields(line)[0])
	}
	return names
}

// TestFailureTells: a failed case says what was expected, what came, and how to run it alone; and run so, it fails again.
func TestFailureTells(t *testing.T) {
	t.Parallel()
	results, output, _ := start(t, command("reset-for-fin"), "--run", "^size-0$", "--seed", "77")
	c := results.Cases[0]
	if c.Expected != "the server to see the end of stream (FIN)" || c.Came != "a reset (RST)" || results.Seed != 77 {
		t.Errorf("seed %d, expected %q, came %q", results.Seed, c.Expected, c.Came)
	}
	for _, part := range []string{
		"FAIL  size-0", "expected: " + c.Expected, "came:     " + c.Came, "alone:    " + c.Alone, "0 passed, 1 failed",
	} {
		if !strings.Contains(output, part) {
			t.Errorf("the report does not say %q:\n%s", part, output)
		}
	}
	alone := exec.Command("sh", "-c", strings.Replace(c.Alone, "test-proxy", tester, 1))
	text, _ := alone.CombinedOutput()
	if alone.ProcessState.ExitCode() != 1 || !bytes.Contains(text, []byte("FAIL  size-0")) || !bytes.Contains(text, []byte("seed 77")) {
		t.Errorf("%s\n%v\n%s", c.Alone, alone.ProcessState, text)
	}
}

// TestHopelessForwarders: a forwarder that does not even start gets a verdict soon, and one that dies later gets one too.
func TestHopelessForwarders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, command, came string
	}{
		{"ends at once", "sh -c 'echo I cannot >&2; exit 3' {host} {port} {listen}", "exit status 3), saying: I cannot"},
		{"never listens", "sh -c 'sleep 1000' {host} {port} {listen}", "a process that runs but does not listen"},
		{"forks and never listens", "sh -c 'sleep 1000 & sleep 1000' {host} {port} {listen}", "a process that runs but does not listen"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			results, output, code := start(t, test.command, "--phase", "1,6")
			if code != 1 || results.Failed != 1 || results.Passed != 0 || !strings.Contains(results.Cases[0].Came, test.came) {
				t.Errorf("exit code %d, came %q, want %q\n%s", code, results.Cases[0].Came, test.came, output)
			}
		})
	}
}
