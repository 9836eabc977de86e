package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/lab"
	"tcpproxy/test/fault"
)

// pointNamed finds a point by its name.
func pointNamed(name string) (actors.Point, error) {
	for _, p := range actors.Points() {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("there is no point %q", name)
}

// beginnings are points that a connection passes when it begins. kicked are those that an actor passes only if it has failed before.
var (
	beginnings = []string{"connect", "connected", "before-accept", "after-accept", "before-spawn", "after-spawn"}
	kicked     = map[string]string{
		"started": actors.KillPanic, "restarting": actors.KillPanic, "stopping": actors.KillStop, "stopped": actors.KillStop,
	}
)

// early reports whether the fault must be prepared before there is a connection.
func (t *trial) early() bool {
	return t.cell.Fault.Kind == "point" && t.cell.Traffic != "many" && slices.Contains(beginnings, t.cell.Fault.Point)
}

// rule is the fault of a cell with a point.
func (t *trial) rule() *fault.Rule {
	f := t.cell.Fault
	point, _ := pointNamed(f.Point) // makeFaults reports it
	return fault.At(point, pidOf(t.cell.Victim)).Nth(max(f.Nth, 1)).Times(max(f.Times, 1))
}

// makeFaults makes the faults of a run, one after the other, for as long as the connection lives.
func (t *trial) makeFaults(ctx context.Context) error {
	switch f := t.cell.Fault; f.Kind {
	case "none":
		t.struck.Store(int64(t.clock.now()))
		return nil
	case "panic", "stop", "kill":
		return t.kills(ctx, f.Kind)
	case "point":
		if _, err := pointNamed(f.Point); err != nil {
			return err
		}
		return t.points(ctx)
	default:
		return fmt.Errorf("there is no kind of fault %q", f.Kind)
	}
}

func (t *trial) kills(ctx context.Context, mode string) error {
	f, pid := t.cell.Fault, pidOf(t.cell.Victim)
	for i := range max(f.Times, 1) {
		if i > 0 {
			if err := lapse(ctx, time.Duration(f.Every)); err != nil {
				return err
			}
		}
		t.struck.CompareAndSwap(0, int64(t.clock.now()))
		if err := t.subject.kill(pid, mode); errors.Is(err, actors.ErrNoActor) && i > 0 {
			return nil // it is gone for good, or for a while: what would be killed is not there
		} else if err != nil {
			return fmt.Errorf("%s: %w", pid, err)
		}
		t.faults++
		patience := hearing
		if t.cell.Strategy == lab.Naive {
			patience /= 8 // a child that waits for bytes hears nothing, for as long as none come
		}
		heard, cancel := context.WithTimeout(ctx, patience)
		err := t.watch.Failed(heard, pid, t.faults)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return nil // the connection is over, or nobody says anything: either way there is no more to be done
		}
	}
	return nil
}

func (t *trial) points(ctx context.Context) error {
	if t.early() {
		return nil
	}
	f, pid := t.cell.Fault, pidOf(t.cell.Victim)
	if f.Every == 0 {
		t.plan.Add(t.rule())
		return t.pass(ctx, max(f.Times, 1))
	}
	for i := range max(f.Times, 1) {
		if i > 0 {
			if err := lapse(ctx, time.Duration(f.Every)); err != nil {
				return err
			}
		}
		point, _ := pointNamed(f.Point)
		t.plan.Add(fault.At(point, pid).Nth(max(f.Nth, 1)))
		if err := t.pass(ctx, i+1); err != nil {
			return err
		}
	}
	return nil
}

// pass waits until the victim has failed so often, for as long as the traffic may take to pass by. Some points are passed at the end only,
// which is still to come.
func (t *trial) pass(ctx context.Context, times int) error {
	pid := pidOf(t.cell.Victim)
	if mode, ok := kicked[t.cell.Fault.Point]; ok {
		if err := t.subject.kill(pid, mode); err != nil {
			return fmt.Errorf("%s: %w", pid, err)
		}
	}
	heard, cancel := context.WithTimeout(ctx, 2*measured)
	defer cancel()
	_ = t.watch.Until(heard, "the victim had failed", func(s *fault.Seen) bool {
		_, over := s.Closed[victimSession]
		return over || len(s.Failures[pid]) >= times
	})
	return ctx.Err()
}
