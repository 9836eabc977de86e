//go:build linux

package main

import (
	"context"
	"time"

	"tcpproxy/test/bench/internal/loadctl"
)

// window is what one measured command did and what it cost the proxy.
type window struct {
	loadctl.Reply
	cpu time.Duration
}

// add makes one window of two, as far as bytes go: quantiles cannot be added.
func (w *window) add(more window) {
	w.Bytes += more.Bytes
	w.Seconds += more.Seconds
	w.cpu += more.cpu
}

// measure carries out a command and charges the proxy with the CPU time its
// processes spend in the meantime. When system calls are being counted, the
// counting covers the same stretch.
func (r *rig) measure(ctx context.Context, command loadctl.Command) (window, error) {
	if r.tracer != nil {
		return r.tracer.cover(ctx, r, command)
	}
	before, err := cpuTime(r.pids)
	if err != nil {
		return window{}, r.blame(err)
	}
	reply, err := r.do(ctx, command)
	if err != nil {
		return window{}, err
	}
	after, err := cpuTime(r.pids)
	if err != nil {
		return window{}, r.blame(err)
	}
	return window{reply, after - before}, nil
}

// each is the CPU time per round trip or session, in microseconds.
func (w window) each() float64 { return w.cpu.Seconds() * 1e6 / float64(w.Count) }

// rate is round trips or sessions per second.
func (w window) rate() float64 { return float64(w.Count) / w.Seconds }

// perGB is CPU seconds per 10⁹ bytes.
func (w window) perGB() float64 { return w.cpu.Seconds() / (float64(w.Bytes) / 1e9) }

// speed is 10⁹ bytes per second.
func (w window) speed() float64 { return float64(w.Bytes) / 1e9 / w.Seconds }
