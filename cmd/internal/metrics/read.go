package metrics

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"tcpproxy/messages"
)

// How the families are read, in the order of the table.

func readSessions(s *scrape, emit emit) {
	for _, l := range s.stats.Loops {
		emit(float64(l.Sessions), l.Listener)
	}
}

func readMaxSessions(s *scrape, emit emit) {
	if s.proxy != nil {
		emit(float64(s.stats.MaxSessions))
	}
}

func readAccepted(s *scrape, emit emit) { emit(float64(s.seen.accepted.Load())) }

func readOpened(s *scrape, emit emit) { emit(float64(s.seen.opened.Load())) }

func readClosed(s *scrape, emit emit) {
	s.seen.closed.each(func(c messages.Cause, n uint64) { emit(float64(n), c.String()) })
}

func readBytes(s *scrape, emit emit) {
	if s.proxy == nil {
		return
	}
	var up, down uint64
	for _, l := range s.stats.Loops {
		up += l.BytesClientToServer
		down += l.BytesServerToClient
	}
	emit(float64(up), "client_to_server")
	emit(float64(down), "server_to_client")
}

func readFailures(s *scrape, emit emit) {
	s.seen.failed.each(func(f failure, n uint64) {
		emit(float64(n), f.kind, f.strategy, f.directive, strconv.FormatBool(f.killed))
	})
}

func readRestarts(s *scrape, emit emit) { byKind(&s.seen.restarted, emit) }

func readKills(s *scrape, emit emit) {
	s.seen.killed.each(func(k kill, n uint64) { emit(float64(n), k.kind, k.mode) })
}

func readStops(s *scrape, emit emit) { byKind(&s.seen.stopped, emit) }

func byKind(t *tally[string], emit emit) {
	t.each(func(kind string, n uint64) { emit(float64(n), kind) })
}

func readSupervision(s *scrape, emit emit) {
	if s.proxy != nil {
		emit(1, s.proxy.Supervision())
	}
}

func readPauses(s *scrape, emit emit) { byListener(s, &s.seen.pauses, emit) }

func readPaused(s *scrape, emit emit) { byListener(s, &s.seen.paused, emit) }

func byListener(s *scrape, t *tally[string], emit emit) {
	for _, l := range s.stats.Loops {
		emit(float64(t.of(l.Listener).Load()), l.Listener)
	}
}

func readDraining(s *scrape, emit emit) { emit(float64(s.seen.draining.Load())) }

func readLag(s *scrape, emit emit) {
	for i, lag := range s.lags {
		emit(lag.Seconds(), s.stats.Loops[i].Listener)
	}
}

func readLagTimeouts(s *scrape, emit emit) { emit(float64(s.timeouts)) }

func readEventsDropped(s *scrape, emit emit) { ifKnown(s.config.EventsDropped, emit) }

func readLinesDropped(s *scrape, emit emit) { ifKnown(s.config.LogLinesDropped, emit) }

func ifKnown(count func() uint64, emit emit) {
	if count != nil {
		emit(float64(count()))
	}
}

func readGeneration(s *scrape, emit emit) { emit(float64(s.seen.generation.Load())) }

func readProcessRestarts(s *scrape, emit emit) { emit(float64(s.seen.generation.Load() - 1)) }

func readGap(s *scrape, emit emit) { emit(time.Duration(s.seen.gap.Load()).Seconds()) }

func readBuild(_ *scrape, emit emit) {
	b := build()
	emit(1, b.version, b.revision, runtime.Version())
}

// build is what the go command has stamped the program with.
var build = sync.OnceValue(func() (b struct{ version, revision string }) {
	b.version = "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		b.version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.revision = s.Value
			}
		}
	}
	return b
})
