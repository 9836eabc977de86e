package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// mismatch is a failure of the forwarder: what a case expected and what came instead.
type mismatch struct {
	expected, came string
}

func (m *mismatch) Error() string { return "expected " + m.expected + "; came " + m.came }

// wrong makes a mismatch; the format is that of what came.
func wrong(expected, came string, args ...any) error {
	return &mismatch{expected, fmt.Sprintf(came, args...)}
}

// inapplicable is what a case returns that cannot be judged here.
type inapplicable struct{ why string }

func (i *inapplicable) Error() string { return i.why }

// ending is how a direction of a connection ended.
type ending string

const (
	endFIN   ending = "end of stream (FIN)"
	endReset ending = "a reset (RST)"
)

// endingOf classifies the error of a read or write. The second result is false if the error says nothing about the peer.
func endingOf(err error) (ending, bool) {
	switch {
	case errors.Is(err, io.EOF):
		return endFIN, true
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return endReset, true
	}
	return "", false
}

// describe puts an error of a socket into the words of the report.
func describe(err error) string {
	if end, ok := endingOf(err); ok {
		return string(end)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "nothing before the time was up"
	case errors.Is(err, net.ErrClosed):
		return "nothing until the case was given up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ENOTCONN):
		return "a connection that was gone"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

// seconds prints a duration to the precision that a timeout is judged by.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// size prints a number of bytes with a unit.
func size(n int64) string {
	switch {
	case n >= 1<<30 && n%(1<<20) == 0:
		return fmt.Sprintf("%.4g GiB", float64(n)/(1<<30))
	case n >= 10<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 10<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// oneLine folds a forwarder's output into a line that fits into a report.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(strings.TrimSpace(text), func(r rune) bool { return r == '\n' || r == '\r' }), " | ")
}
