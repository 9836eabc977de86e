package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// Proxy is what Quiet asks: an *actors.Proxy.
type Proxy interface {
	// Tree describes every actor.
	Tree(ctx context.Context) (messages.Node, error)
}

const (
	// calmLooks is how many looks at the tree in a row must find nothing, with no event from before the first until after the last. One
	// would not do: between a panic and the first event of it, and between a restart and the actors that it makes, there is a turn of the
	// loop in which everybody seems to be well. A look stands behind all turns that were due when it was asked for.
	calmLooks = 3
	// lookAgain is how soon Quiet looks again after it has found something under way, if no event comes before: a listener that goes on
	// after a failure says so before it does, and nothing afterwards.
	lookAgain = 5 * time.Millisecond
)

// Quiet waits until nothing is under way in the proxy: something has become of each failure that has been seen, and no actor in its tree is
// suspended, delayed, gone, stopping or closing. What was sent before the call (by Fail, Stop or Proxy.Kill) counts as under way; traffic
// does not. A proxy that has stopped is quiet. If somebody kills without end, it waits without end.
func (w *Watch) Quiet(ctx context.Context, proxy Proxy) error {
	calm, before, instead := 0, -1, "nobody has looked yet"
	for {
		w.mu.Lock()
		changes, wake, waiting := w.changes, w.changed(), w.unanswered()
		w.mu.Unlock()
		if changes != before {
			before, calm = changes, 0
		}
		if calm == calmLooks {
			return nil
		}
		busy := waiting
		if len(busy) == 0 {
			tree, err := proxy.Tree(ctx)
			if errors.Is(err, actors.ErrStopped) {
				return nil
			} else if err != nil {
				return fmt.Errorf("waited in vain until the proxy was quiet: %s: %w", instead, err)
			}
			busy = unsettled(tree, nil)
		}
		if len(busy) == 0 {
			calm, instead = calm+1, "it seems to be, but things went on happening"
			continue
		}
		calm, instead = 0, strings.Join(busy, "; ")
		timer := time.NewTimer(lookAgain)
		select {
		case <-wake:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("waited in vain until the proxy was quiet: %s: %w", instead, ctx.Err())
		}
		timer.Stop()
	}
}

// unanswered are the failures that nothing has become of yet, in words. mu is held.
func (w *Watch) unanswered() (all []string) {
	for _, waiting := range w.pending {
		for _, o := range waiting {
			all = append(all, o.told().String())
		}
	}
	slices.Sort(all)
	return all
}

// unsettled appends the actors of a tree that are not at work, in words.
func unsettled(n messages.Node, to []string) []string {
	switch n.State {
	case "suspended", "delayed", "gone", "stopping", "closing":
		to = append(to, n.PID+" is "+n.State)
	}
	for _, child := range n.Children {
		to = unsettled(child, to)
	}
	return to
}
