// Command tcpproxy forwards TCP connections: flags → actors.Config → run → exit code. The work is done in package actors.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"tcpproxy/actors/survival"
)

// The program's exit codes.
const (
	exitOK    = 0
	exitError = 1 // it could not start, or ended without being asked to
	exitUsage = 2 // the command line cannot be obeyed
)

func main() {
	// Nothing that may fail comes before this: if the program is started as a worker, nobody stands by for it until then.
	worker, err := survival.Inherit()
	if err == nil {
		err = run(os.Args[1:], worker, os.Stdout, os.Stderr)
	}
	code := report(err, os.Stderr)
	worker.End(code)
	os.Exit(code)
}

// ended is how another process has ended that was the program: with this exit code, and having said why.
type ended int

// Error is for nobody: report says nothing of it.
func (e ended) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// report says on stderr why the program ends, in a line that stands first, and returns the exit code.
func report(err error, stderr io.Writer) int {
	var wrong usageError
	var other ended
	switch {
	case err == nil, errors.Is(err, errAnswered):
		return exitOK
	case errors.As(err, &other):
		return int(other)
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintf(stderr, "tcpproxy: %s\n%sRun \"tcpproxy --help\" for the flags.\n", oneLine(err), usage)
		return exitUsage
	default:
		_, _ = fmt.Fprintf(stderr, "tcpproxy: %s\n", oneLine(err))
		return exitError
	}
}

// oneLine is an error's text with every character escaped that would not show as one. Arguments come from scripts, too: a line break or
// a terminal's control sequence among them must not break the line that names it.
func oneLine(err error) string {
	var line strings.Builder
	for _, r := range err.Error() {
		if unicode.IsPrint(r) {
			line.WriteRune(r)
		} else {
			line.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return line.String()
}
