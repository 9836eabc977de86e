package actors

import (
	"context"
	"log/slog"
)

// quietly makes a logger for the library, which tells at info that it has started and that an actor has failed: the first concerns
// nobody, and the second is told by our own event, ActorFailed. So its info is our debug.
func quietly(log *slog.Logger) *slog.Logger {
	return slog.New(demoted{log.Handler()}).With("lib", "protoactor")
}

type demoted struct{ slog.Handler }

// Enabled asks for the level that a record will have.
func (d demoted) Enabled(ctx context.Context, level slog.Level) bool {
	return d.Handler.Enabled(ctx, demote(level))
}

// Handle passes the record on at that level.
func (d demoted) Handle(ctx context.Context, r slog.Record) error {
	r.Level = demote(r.Level)
	return d.Handler.Handle(ctx, r)
}

// WithAttrs keeps the demotion.
func (d demoted) WithAttrs(attrs []slog.Attr) slog.Handler {
	return demoted{d.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the demotion.
func (d demoted) WithGroup(name string) slog.Handler { return demoted{d.Handler.WithGroup(name)} }

func demote(level slog.Level) slog.Level {
	if level == slog.LevelInfo {
		return slog.LevelDebug
	}
	return level
}
