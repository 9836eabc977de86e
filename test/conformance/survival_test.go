package conformance_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSurvivor: a forwarder that survives its worker passes the cases about that.
func TestSurvivor(t *testing.T) {
	t.Parallel()
	command := command("") + " --survive"
	results, output, code := start(t, command, "--phase", "7", "--worker", faultyWorker, "--many", "200", "--jobs", "2")
	if failed := results.with("failed"); len(failed) > 0 {
		t.Logf("failed at first:\n%s", output) // as in TestNoFault
		results, output, code = start(t, command, "--worker", faultyWorker, "--many", "200", "--jobs", "1",
			"--run", "^("+strings.Join(failed, "|")+")$")
	}
	if code != 0 || results.Failed > 0 || results.Passed == 0 || results.Skipped > 0 || results.Unclaimed > 0 {
		t.Errorf("exit code %d\n%s", code, output)
	}
}

// TestClaims: whoever does not claim to survive is not held to it, and whoever does is: by a word in the command, or by --worker.
func TestClaims(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, command string
		flags         []string
		verdict, came string
	}{
		{"claims nothing", command(""), nil, "not claimed", ""},
		{"may claim, but is said not to", command("") + " --survive", []string{"--worker", "none"}, "not claimed", ""},
		{"claims it for a process that there is not", command(""), []string{"--worker", faultyWorker}, "failed",
			"none among the forwarder's descendants"},
		{"claims it as tcpproxy does", command("") + " --survive", nil, "failed", "a process named tcpproxy-worker within 3s, to be killed"},
		{"claims it and keeps it", command("") + " --survive", []string{"--worker", faultyWorker}, "passed", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "junit.xml")
			flags := append([]string{"--run", "^(size-0|killed-drain)$", "--kills", "3", "--junit", file}, test.flags...)
			results, output, code := start(t, test.command, flags...)
			c := results.Cases[1]
			if c.Verdict != test.verdict || !strings.Contains(c.Expected+c.Came, test.came) || (code == 1) != (test.verdict == "failed") {
				t.Errorf("%s, expected %q, came %q; exit code %d\n%s", c.Verdict, c.Expected, c.Came, code, output)
			}
			unclaimed := test.verdict == "not claimed"
			if strings.Contains(output, "0 failed, 0 skipped, 1 not claimed in ") != unclaimed || results.Skipped != 0 ||
				(results.Unclaimed == 1) != unclaimed || unclaimed && (results.Passed != 1 || c.Skipped == "") {
				t.Errorf("%+v\n%s", results, output)
			}
			if skipped := skippedInJUnit(t, file); unclaimed != strings.HasPrefix(skipped, "not claimed: ") {
				t.Errorf("in JUnit it is skipped with %q", skipped)
			}
		})
	}
}

// skippedInJUnit is why the last case of the last suite was skipped.
func skippedInJUnit(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Suites []struct {
			Cases []struct {
				Skipped struct {
					Message string `xml:"message,attr"`
				} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatal(err)
	}
	last := suites.Suites[len(suites.Suites)-1].Cases
	return last[len(last)-1].Skipped.Message
}
