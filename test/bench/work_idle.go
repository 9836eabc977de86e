//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"tcpproxy/test/bench/internal/loadctl"
)

// idleLevels are the session counts at which idle proxies are looked at.
var idleLevels = []int{3000, 8000}

// grace is what a proxy is given to tidy up after a burst of arrivals.
const grace = time.Second

// idleWork opens sessions, lets each carry one block, and looks at the proxy
// while nothing moves. "Per session" is what was added to the proxy without
// sessions, so that the program's own size does not blur it; the total is
// reported too.
func idleWork() work {
	w := work{name: "idle", run: runIdle, skip: []string{haproxySplice}}
	for _, level := range idleLevels {
		metrics := []metric{resident, perIdle, fdsPerIdle, idleCPU}
		if level != idleLevels[0] {
			metrics = append(metrics, idleGrowth)
		}
		w.rows = append(w.rows, row{
			name:    idleRow(level),
			title:   fmt.Sprintf("Idle sessions: %d", level),
			metrics: metrics,
			ratios:  []metric{resident, perIdle},
		})
	}
	return w
}

func idleRow(level int) string { return fmt.Sprintf("idle-%d", level) }

func runIdle(ctx context.Context, r *rig) (map[string]figures, error) {
	emptyBytes, emptyFiles, err := r.holdings()
	if err != nil {
		return nil, err
	}
	results := map[string]figures{}
	for _, level := range idleLevels {
		if _, err := r.do(ctx, loadctl.Command{Do: loadctl.Open, Count: level}); err != nil {
			return results, err
		}
		if err := pause(ctx, grace); err != nil {
			return results, err
		}
		const watched = time.Second
		before, err := cpuTime(r.pids)
		if err != nil {
			return results, r.blame(err)
		}
		if err := pause(ctx, watched); err != nil {
			return results, err
		}
		after, err := cpuTime(r.pids)
		if err != nil {
			return results, r.blame(err)
		}
		bytes, files, err := r.holdings()
		if err != nil {
			return results, r.blame(err)
		}
		results[idleRow(level)] = figures{
			resident:   float64(bytes) / 1e6,
			perIdle:    float64(bytes-emptyBytes) / 1e3 / float64(level),
			fdsPerIdle: float64(files-emptyFiles) / float64(level),
			idleCPU:    (after - before).Seconds() * 1e3 / watched.Seconds(),
		}
	}
	low, high := results[idleRow(idleLevels[0])], results[idleRow(idleLevels[1])]
	high[idleGrowth] = high[perIdle] / low[perIdle]
	return results, nil
}

// holdings are the proxy's resident memory and open descriptors.
func (r *rig) holdings() (bytes int64, files int, err error) {
	if bytes, err = residentBytes(r.pids); err != nil {
		return 0, 0, err
	}
	files, err = openDescriptors(r.pids)
	return bytes, files, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
