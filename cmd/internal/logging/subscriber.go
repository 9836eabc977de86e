package logging

import (
	"context"
	"log/slog"
	"time"

	"tcpproxy/messages"
)

// Subscriber returns the function that logs the proxy's events. It may be called from any goroutine and blocks only if
// log does; one made by New does not.
func Subscriber(log *slog.Logger) func(event any) {
	return func(event any) {
		switch e := event.(type) {
		case messages.ListenerOpened:
			of(log, e.Listener).Info("listening", "addr", e.Addr, "destination", e.Destination, "max_sessions", e.MaxSessions,
				"idle_timeout", orNever(e.IdleTimeout), "hang_timeout", orNever(e.HangTimeout))
		case messages.ListenerDraining:
			of(log, e.Listener).Info("draining", "sessions", e.Sessions, "timeout", e.Timeout)
		case messages.ListenerClosed:
			of(log, e.Listener).Info("closed", "sessions", e.Sessions)
		case messages.AcceptPaused:
			of(log, e.Listener).Warn("accepting paused", "reason", e.Reason)
		case messages.AcceptResumed:
			of(log, e.Listener).Info("accepting resumed")
		case messages.SessionOpened:
			log.Debug("session opened", "session", e.ID, "client", e.Client, "server", e.Server)
		case messages.SessionClosed:
			logClosed(log, e)
		case messages.ActorFailed:
			logFailed(log, e)
		case messages.ActorKilled:
			log.Debug("kill", "pid", e.PID, "mode", e.Mode, "by", e.By)
		case messages.ActorRestarted:
			logRestarted(log, e)
		case messages.SupervisionChanged:
			log.Info("supervision changed", "strategy", e.Strategy, "was", e.Was)
		case messages.ProcessRestarted:
			log.Log(context.Background(), restartedLevel(e.Reason), "worker restarted", "generation", e.Generation, "reason", e.Reason,
				"after", e.After.Round(10*time.Microsecond), "sessions", e.Sessions)
		}
		// Anything else on the event stream is the library's own and not for the log.
	}
}

// of has the lines name the listener, where there are several.
func of(log *slog.Logger, listener string) *slog.Logger {
	if listener == "listener" || listener == "" {
		return log
	}
	return log.With("listener", listener)
}

// restartedLevel is how much the end of a process is worth: it is what one wants of an upgrade only.
func restartedLevel(reason string) slog.Level {
	if reason == "upgrade" {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// orNever is how a limit of 0 is spelled.
func orNever(d time.Duration) any {
	if d == 0 {
		return "never"
	}
	return d
}

// logFailed says at warn what nobody wanted: a defect. Of an actor that somebody killed, the line that counts is the one that tells
// the outcome; that is this one if it is not restarted.
func logFailed(log *slog.Logger, e messages.ActorFailed) {
	switch {
	case e.Kill == "":
		log.Warn("actor failed", "pid", e.PID, "reason", e.Reason, "strategy", e.Strategy, "directive", e.Directive)
	case e.Directive == "restart" || e.Directive == "escalate":
		log.Debug("actor failed", "pid", e.PID, "reason", e.Reason, "strategy", e.Strategy, "directive", e.Directive)
	case e.Directive == "resume":
		log.Info("killed", "pid", e.PID, "mode", e.Kill, "outcome", "resumed", "strategy", e.Strategy)
	default:
		log.Info("killed", "pid", e.PID, "mode", e.Kill, "outcome", "its session is reset", "strategy", e.Strategy)
	}
}

func logRestarted(log *slog.Logger, e messages.ActorRestarted) {
	if e.Kill == "" {
		log.Debug("actor restarted", "pid", e.PID, "restarts", e.Restarts)
		return
	}
	log.Info("killed", "pid", e.PID, "mode", e.Kill, "outcome", "restarted", "after", e.After, "incarnation", e.Restarts+1)
}

func logClosed(log *slog.Logger, e messages.SessionClosed) {
	level := closedLevel(e.Cause)
	if !log.Enabled(context.Background(), level) {
		return // most endings are ordinary and most logs leave them out: do not build the line
	}
	attrs := []slog.Attr{
		slog.Uint64("session", e.ID),
		slog.String("cause", e.Cause.String()),
		slog.Any("client", e.Client),
	}
	if e.Server.IsValid() {
		attrs = append(attrs, slog.Any("server", e.Server))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("err", e.Err.Error()))
	}
	attrs = append(attrs,
		slog.Uint64("client_to_server", e.BytesClientToServer),
		slog.Uint64("server_to_client", e.BytesServerToClient),
		slog.Duration("age", e.Age.Round(time.Millisecond)),
	)
	log.LogAttrs(context.Background(), level, "session closed", attrs...)
}

// closedLevel sorts the endings by who should care:
//   - debug: what clients do all day, resets and port probes among it;
//   - info: the proxy itself cut a session short, as it was told to;
//   - warn: something is wrong with the destination, the network, or the proxy.
func closedLevel(cause messages.Cause) slog.Level {
	switch cause {
	case messages.CauseFinished, messages.CauseClientReset:
		return slog.LevelDebug
	case messages.CauseIdle, messages.CauseShutdown, messages.CauseEnded:
		return slog.LevelInfo
	default:
		return slog.LevelWarn
	}
}
