// Package logging writes the program's log: it sets up log/slog, turns the proxy's events into log lines, and keeps a slow
// reader of the log from holding up the proxy.
package logging

import (
	"io"
	"log/slog"
)

// New makes a logger that writes one line per record to out. level is debug, info, warn or error (anything else means info);
// format is text or json (anything else means text). Logging never blocks and may be done from any goroutine: see lines.
// The caller must call flush before the program ends; it writes what is queued, for a second at most. lost is how many lines were dropped
// so far, for want of somebody who reads them.
func New(out io.Writer, level, format string) (log *slog.Logger, flush func(), lost func() uint64) {
	direct := newLogger(out, level, format)
	queue := newLines(out, func(dropped uint64) {
		direct.Warn("log lines dropped: the log is not read fast enough", "dropped", dropped)
	})
	return newLogger(queue, level, format), queue.close, queue.lost.Load
}

func newLogger(w io.Writer, level, format string) *slog.Logger {
	var least slog.Level // the zero value is info
	_ = least.UnmarshalText([]byte(level))
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: spellDurations}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// spellDurations writes durations with their unit ("1.5s") in both formats; JSON would have nanoseconds without saying so.
func spellDurations(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindDuration {
		attr.Value = slog.StringValue(attr.Value.Duration().String())
	}
	return attr
}
