package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asProgram makes this test binary behave as the program that it tests, in a process of its own.
const asProgram = "TCPPROXY_TEST_AS_PROGRAM"

// program is tcpproxy as a process that has yet to be started.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, args...)
	command.Env = append(os.Environ(), asProgram+"=1")
	return command
}

// outcome runs the program to its end.
func outcome(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	command := program(t, args...)
	command.Stdout, command.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestProcessRefusesWrongCommandLine(t *testing.T) {
	code, stdout, stderr := outcome(t, "example.org", "80")
	if code != 2 || stdout != "" || !strings.HasPrefix(stderr, "tcpproxy: listen-port is missing: ") {
		t.Errorf("exit code %d, standard output %q, standard error %q", code, stdout, stderr)
	}
}

func TestProcessPrintsHelp(t *testing.T) {
	code, stdout, stderr := outcome(t, "--help")
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, usage) {
		t.Errorf("exit code %d, standard output %q, standard error %q", code, stdout, stderr)
	}
}
