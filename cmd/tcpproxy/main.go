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
)

// The program's exit codes.
const (
	exitOK    = 0
	exitError = 1 // it could not start, or ended without being asked to
	exitUsage = 2 // the command line cannot be obeyed
)

func main() {
	os.Exit(report(run(os.Args[1:], os.Stdout, os.Stderr), os.Stderr))
}

// report says on stderr why the program ends, in a line that stands first, and returns the exit code.
func report(err error, stderr io.Writer) int {
	var wrong usageError
	switch {
	case err == nil, errors.Is(err, errAnswered):
		return exitOK
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
