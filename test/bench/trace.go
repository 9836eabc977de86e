//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tcpproxy/test/bench/internal/loadctl"
)

// tracer counts a proxy's system calls with strace. Tracing slows the proxy
// down many times over, so nothing else is measured in such a run.
type tracer struct {
	strace string
	calls  map[string]int64
	units  float64
}

// cover carries out a command while strace looks on.
func (t *tracer) cover(ctx context.Context, r *rig, command loadctl.Command) (window, error) {
	table := filepath.Join(r.dir, "calls")
	arguments := []string{t.strace, "-c", "-f", "-o", table}
	for _, pid := range r.pids {
		arguments = append(arguments, "-p", strconv.Itoa(pid))
	}
	strace, err := startProcess(nil, nil, arguments...)
	if err != nil {
		return window{}, err
	}
	defer strace.stop()
	if err := attached(ctx, strace, len(r.pids)); err != nil {
		return window{}, err
	}
	reply, err := r.do(ctx, command)
	if err != nil {
		return window{}, err
	}
	if err := strace.interrupt(ctx); err != nil {
		return window{}, err
	}
	text, err := os.ReadFile(table)
	if err != nil {
		return window{}, err
	}
	if t.calls, err = callsIn(string(text)); err != nil {
		return window{}, err
	}
	t.units = float64(reply.Count)
	if command.Do == loadctl.Bulk {
		t.units = float64(reply.Bytes) / 1e6
	}
	return window{Reply: reply}, nil
}

// attached waits until strace says that it has hold of every process.
func attached(ctx context.Context, strace *process, processes int) error {
	for range 1000 {
		if strings.Count(strace.stderr.String(), " attached") >= processes {
			return nil
		}
		select {
		case <-strace.ended:
			return strace.complaint(errors.New("strace has ended"))
		default:
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return strace.complaint(errors.New("strace does not attach"))
}

// callsIn reads the table that strace -c writes: one system call per line,
// its name last and the number of calls fourth.
func callsIn(table string) (map[string]int64, error) {
	calls := map[string]int64{}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		name := fields[len(fields)-1]
		if _, err := strconv.ParseFloat(fields[0], 64); err != nil || name == "total" {
			continue // heading, rule or sum
		}
		n, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("odd line of strace: %q", strings.TrimSpace(line))
		}
		calls[name] += n
	}
	if len(calls) == 0 {
		return nil, errors.New("strace saw no system call")
	}
	return calls, nil
}

// total is all calls per unit of work.
func (t *tracer) total() float64 {
	sum := int64(0)
	for _, n := range t.calls {
		sum += n
	}
	return float64(sum) / t.units
}

// shares lists the calls per unit of work, most frequent first; what happens
// less than once in twenty units is left out.
func (t *tracer) shares() string {
	names := slices.SortedFunc(maps.Keys(t.calls), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.calls[b], t.calls[a]), strings.Compare(a, b))
	})
	var parts []string
	for _, name := range names {
		if each := float64(t.calls[name]) / t.units; each >= 0.05 {
			parts = append(parts, fmt.Sprintf("%s %.2f", name, each))
		}
	}
	return strings.Join(parts, ", ")
}
