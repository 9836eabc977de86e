package conformance_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUsageErrors: a wrong command line is answered with a line about it, the usage, and exit code 2; never with a stack trace.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		says string
	}{
		{nil, "COMMAND is missing"},
		{[]string{""}, "COMMAND is missing"},
		{[]string{"/no/such/forwarder"}, `cannot run "/no/such/forwarder"`},
		{[]string{"/"}, "cannot run"},
		{[]string{"no-such-forwarder {host} {port} {listen}"}, "cannot run"},
		{[]string{"cat {host} {port}"}, "does not say where {listen} goes"},
		{[]string{"cat 'open {host}"}, "open quote"},
		{[]string{"--phase", "8", faulty}, "there is no phase 8"},
		{[]string{"--phase", "0", faulty}, "there is no phase 0"},
		{[]string{"--phase", "one", faulty}, "--phase"},
		{[]string{"--run", "(", faulty}, "--run"},
		{[]string{"--skip", "[", faulty}, "--skip"},
		{[]string{"--run", "nothing-is-called-so", faulty}, "no case is left"},
		{[]string{"--timeout-rule", "soon", faulty}, "--timeout-rule"},
		{[]string{"--timeout-rule", "3s", faulty}, "--timeout-rule"},
		{[]string{"--timeout-rule", "-10s", faulty}, "--timeout-rule"},
		{[]string{"--jobs", "0", faulty}, "--jobs"},
		{[]string{"--many", "0", faulty}, "--many"},
		{[]string{"--many", "1000000", faulty}, "--many"},
		{[]string{"--kills", "0", faulty}, "--kills"},
		{[]string{"--worker", "a-name-of-sixteen", faulty}, "--worker"},
		{[]string{"--seed", "-1", faulty}, "--seed"},
		{[]string{"--drain-signal", "SEGV", faulty}, "--drain-signal"},
		{[]string{"--no-such-flag", faulty}, "--no-such-flag"},
		{[]string{faulty, "one too many"}, "one too many"},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			c := exec.Command(tester, test.args...)
			text, _ := c.CombinedOutput()
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			if c.ProcessState.ExitCode() != 2 || len(lines) != 2 ||
				!strings.Contains(lines[0], test.says) || !strings.HasPrefix(lines[1], "usage: ") {
				t.Errorf("%v, want exit status 2 and two lines, the first about %q:\n%s", c.ProcessState, test.says, text)
			}
		})
	}
}

// TestListAndHelp: both work without a forwarder.
func TestListAndHelp(t *testing.T) {
	t.Parallel()
	list, err := exec.Command(tester, "--list", "--phase", "3").CombinedOutput()
	if err != nil || !bytes.Contains(list, []byte("cut-server: ")) || bytes.Contains(list, []byte("echo-1x200")) {
		t.Errorf("%v\n%s", err, list)
	}
	help, err := exec.Command(tester, "--help").CombinedOutput()
	if err != nil || !bytes.Contains(help, []byte("--timeout-rule")) {
		t.Errorf("%v\n%s", err, help)
	}
}

// TestJUnit: the file is well formed and has the failure in it.
func TestJUnit(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "junit.xml")
	start(t, command("reset-for-fin"), "--run", "^(size-0|round-trips|size-huge)$", "--junit", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Cases []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatal(err)
	}
	if suites.Tests != 3 || suites.Failures != 1 || suites.Skipped != 1 || len(suites.Suites) != 1 {
		t.Fatalf("%+v\n%s", suites, text)
	}
	for _, c := range suites.Suites[0].Cases {
		if (c.Failure != nil) != (c.Name == "size-0") {
			t.Errorf("%s: failure %v", c.Name, c.Failure)
		}
	}
}

// TestNothingLeftBehind: whatever ends the tester, no process of the forwarder outlives it.
func TestNothingLeftBehind(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			c := exec.Command(tester, "--run", "^(idle-cut|slow-server)$", command(""))
			c.Stdout, c.Stderr = io.Discard, io.Discard
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			tag := fmt.Sprintf("TEST_PROXY_TRIAL=%d-", c.Process.Pid)
			await(t, "two forwarders to run", func() bool { return len(carrying(tag)) == 2 })
			_ = c.Process.Signal(signal)
			_ = c.Wait()
			if code := c.ProcessState.ExitCode(); signal != syscall.SIGKILL && code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			await(t, "no forwarder to be left", func() bool { return len(carrying(tag)) == 0 })
		})
	}
}

// TestDaemonIsStopped: a forwarder that goes into the background, out of its group and its parents, is found and stopped too.
func TestDaemonIsStopped(t *testing.T) {
	t.Parallel()
	mark := fmt.Sprintf("MARK_OF_TEST=%d-%d", os.Getpid(), time.Now().UnixNano())
	c := exec.Command(tester, "--run", "^size-0$",
		fmt.Sprintf("env %s sh -c 'setsid %s \"$@\" & wait' sh {host} {port} {listen}", mark, faulty))
	text, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	if left := carrying(mark); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// carrying lists the processes that have an entry in their environment that begins like this.
func carrying(entry string) []string {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	var found []string
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || len(env) == 0 {
			continue // gone, or a zombie
		}
		if bytes.HasPrefix(env, []byte(entry)) || bytes.Contains(env, []byte("\x00"+entry)) {
			found = append(found, filepath.Base(filepath.Dir(file)))
		}
	}
	return found
}

// await polls for something that other processes do.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
