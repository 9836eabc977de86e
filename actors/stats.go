package actors

import (
	"context"
	"time"
)

// Stats are the key figures of a proxy, right now.
type Stats struct {
	Loops []LoopStats // by number
	// Descriptors is how many the process may have.
	Descriptors int
	// MaxSessions is the limit in force, over all loops.
	MaxSessions int
}

// LoopStats are those of one readiness loop.
type LoopStats struct {
	Listener            string // the PID of its listener
	Sessions            int    // live ones
	BytesClientToServer uint64 // that servers have taken, of all sessions that there have been in this process
	BytesServerToClient uint64 // that clients have
}

// Stats may be asked for as often as one likes: it reads a few words, and no actor notices. From any goroutine.
func (p *Proxy) Stats() Stats {
	s := Stats{Descriptors: p.shared.descriptors.limit, MaxSessions: p.shared.cfg.MaxSessions}
	for _, e := range p.shared.endpoints {
		s.Loops = append(s.Loops, LoopStats{
			Listener: e.name, Sessions: int(e.live.Load()),
			BytesClientToServer: e.moved[up].Load(), BytesServerToClient: e.moved[down].Load(),
		})
	}
	return s
}

// Lag is how long a task that is posted now waits for its turn, in each loop: what a byte that arrives now waits for those before it. It
// wakes a loop that sleeps. The error is ctx's, or ErrStopped.
func (p *Proxy) Lag(ctx context.Context) ([]time.Duration, error) {
	lags := make([]time.Duration, len(p.shared.endpoints))
	for i, e := range p.shared.endpoints {
		posted := time.Now()
		ran := make(chan time.Duration, 1)
		if err := p.await(ctx, e.lane, func() { ran <- time.Since(posted) }); err != nil {
			return nil, err
		}
		lags[i] = <-ran
	}
	return lags, nil
}
