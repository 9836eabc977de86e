//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// bench is one invocation: what takes part, and what it has measured so far.
type bench struct {
	dir   string // for what is built
	log   io.Writer
	begun time.Time
	// loadBefore is the load average before the first run.
	loadBefore float64
	rounds     int
	quick      bool   // take the short form of each work
	given      string // our proxy, if it is not to be built
	peers      []peer
	works      []work

	samples samples
	traces  map[string]map[string]*tracer // by work and proxy
	notes   []string                      // what the reader of the report must know
	failed  map[string][]int              // what went wrong, and in which rounds
}

// runAll measures in alternating rounds: within a round every kind of work
// meets every proxy in turn, so that a slow minute of the machine falls on
// all of them. The order of the proxies moves on by one each round, so that
// none always follows the same neighbour.
func (b *bench) runAll(ctx context.Context) error {
	b.samples, b.failed = samples{}, map[string][]int{}
	for round := range b.rounds {
		for _, w := range b.works {
			b.progress("round %d of %d: %s", round+1, b.rounds, w.name)
			run := w.run
			if b.quick {
				run = w.short
			}
			for i := range b.peers {
				p := b.peers[(i+round)%len(b.peers)]
				if slices.Contains(w.skip, p.name) {
					continue
				}
				results, err := b.runOnce(ctx, run, p, nil)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					failure := fmt.Sprintf("%s through %s failed: %v", w.name, p.name, err)
					b.progress("%s", failure)
					b.failed[failure] = append(b.failed[failure], round+1)
				}
				b.keep(round, w, p, results)
			}
		}
	}
	return nil
}

func (b *bench) runOnce(
	ctx context.Context,
	run func(context.Context, *rig) (map[string]figures, error),
	p peer, t *tracer,
) (map[string]figures, error) {
	r, err := raise(ctx, b.loadProgram(), p)
	if err != nil {
		return nil, err
	}
	defer r.fall()
	r.tracer = t
	return run(ctx, r)
}

// keep stores a run's figures; a figure the run did not give counts as a
// failed round.
func (b *bench) keep(round int, w work, p peer, results map[string]figures) {
	for _, row := range w.rows {
		for _, m := range row.metrics {
			at := cell{row.name, p.name, m}
			if b.samples[at] == nil {
				b.samples[at] = make([]float64, b.rounds)
			}
			value, measured := results[row.name][m]
			if !measured {
				value = math.NaN()
			}
			b.samples[at][round] = value
		}
	}
}

// traceAll counts system calls, in one short run per proxy and traced work.
func (b *bench) traceAll(ctx context.Context) error {
	strace, err := lookSbin("strace")
	if err != nil {
		b.note("system calls were not counted: strace is not installed")
		return nil
	}
	b.traces = map[string]map[string]*tracer{}
	for _, w := range b.works {
		if w.short == nil {
			continue
		}
		b.progress("system calls: %s", w.name)
		b.traces[w.name] = map[string]*tracer{}
		for _, p := range b.peers {
			if slices.Contains(w.skip, p.name) {
				continue
			}
			t := &tracer{strace: strace}
			_, err := b.runOnce(ctx, w.short, p, t)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				b.note("counting the system calls of %s during %s failed: %v", p.name, w.name, err)
				continue
			}
			b.traces[w.name][p.name] = t
		}
	}
	return nil
}

// progress tells the user what is going on.
func (b *bench) progress(format string, arguments ...any) {
	fmt.Fprintf(b.log, "%4.0fs  %s\n", time.Since(b.begun).Seconds(), fmt.Sprintf(format, arguments...))
}

// note is progress that belongs into the report.
func (b *bench) note(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	b.notes = append(b.notes, text)
	b.progress("note: %s", text)
}
