package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"tcpproxy/messages"
)

// Watch observes the events of one proxy, and waits for them in a test's stead:
//
//	watch := fault.NewWatch()
//	proxy, err := actors.Start(config, watch.Observe)
//
// It remembers all that it sees, so it does not matter whether what is waited for has happened already. Every wait ends with its context,
// or as soon as what it waits for cannot come any more; the error says what was waited for and what was seen instead, and wraps the
// context's. A context without an end waits for ever. All methods may be called from any goroutine, but the waits not from those of the
// proxy (an event's subscriber, Config.Fault), which would wait for themselves.
type Watch struct {
	mu      sync.Mutex
	seen    Seen
	changes int           // events so far that changed anything
	wake    chan struct{} // closed at the next change, if somebody waits

	outcomes []*outcome            // of every failure, oldest first
	last     map[string]*outcome   // the last failure of an actor, by PID
	pending  map[string][]*outcome // failures without an answer yet, by the PID of who failed
	latest   map[string]*outcome   // the last failure that may have had others restarted, by where these are
}

// Seen is what a Watch has seen. It belongs to the Watch: whoever is shown it must neither change nor keep it.
type Seen struct {
	// Announced is how often a listener has said that clients may come.
	Announced int
	// Opened and Closed are the sessions that relayed and those that are over, by PID. One that ended early is in Closed alone.
	Opened map[string]messages.SessionOpened
	Closed map[string]messages.SessionClosed
	// Failures are those of each actor, oldest first, by PID.
	Failures map[string][]messages.ActorFailed
	// Restarts is how often each actor has come back, by PID.
	Restarts map[string]int
}

// NewWatch makes a Watch that has seen nothing. It is for one proxy.
func NewWatch() *Watch {
	return &Watch{
		seen: Seen{
			Opened: map[string]messages.SessionOpened{}, Closed: map[string]messages.SessionClosed{},
			Failures: map[string][]messages.ActorFailed{}, Restarts: map[string]int{},
		},
		last: map[string]*outcome{}, pending: map[string][]*outcome{}, latest: map[string]*outcome{},
	}
}

// Observe is for actors.Start, or to be called by a subscriber of your own. It never blocks for long.
func (w *Watch) Observe(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case messages.ListenerOpened:
		w.seen.Announced++
	case messages.ListenerDraining:
		w.helpersLeave(e.Listener)
	case messages.ListenerClosed:
		w.over(e.Listener, Ended, messages.CauseNone)
	case messages.SessionOpened:
		w.seen.Opened[e.PID] = e
	case messages.SessionClosed:
		w.seen.Closed[e.PID] = e
		w.sessionOver(e)
	case messages.ActorFailed:
		w.seen.Failures[e.PID] = append(w.seen.Failures[e.PID], e)
		w.failed(e)
	case messages.ActorRestarted:
		w.seen.Restarts[e.PID]++
		w.restarted(e)
	default:
		return
	}
	w.changes++
	if w.wake != nil {
		close(w.wake)
		w.wake = nil
	}
}

// See shows f what has been seen so far. Events wait meanwhile, so f must return soon and must not call the Watch.
func (w *Watch) See(f func(*Seen)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.seen)
}

// Until waits for what no other method does: until ok, which is called at once and after every event, returns true. what completes the
// sentence "waited in vain until …". What is true of See's function is true of ok.
func (w *Watch) Until(ctx context.Context, what string, ok func(*Seen) bool) error {
	return w.await(ctx, what, "", func() (bool, error) { return ok(&w.seen), nil })
}

// Opened waits until the session with this PID relays, and returns the event. It does not wait for a session that is over.
func (w *Watch) Opened(ctx context.Context, session string) (e messages.SessionOpened, err error) {
	err = w.await(ctx, session+" relayed", session, func() (ok bool, _ error) {
		e, ok = w.seen.Opened[session]
		return ok, w.mayCome(ok, session)
	})
	return e, err
}

// Gone waits until the session with this PID is over and its sockets are closed, and returns the event, which says why.
func (w *Watch) Gone(ctx context.Context, session string) (e messages.SessionClosed, err error) {
	err = w.await(ctx, session+" was over", session, func() (ok bool, _ error) {
		e, ok = w.seen.Closed[session]
		return ok, nil
	})
	return e, err
}

// Failed waits until the actor with this PID has failed n times, since the proxy started, and it has been decided what to do; guarded
// failures count, too. It does not wait for an actor whose session is over.
func (w *Watch) Failed(ctx context.Context, pid string, n int) error {
	return w.await(ctx, fmt.Sprintf("%s had failed %s", pid, times(n)), pid, func() (bool, error) {
		ok := len(w.seen.Failures[pid]) >= n
		return ok, w.mayCome(ok, pid)
	})
}

// Restarted waits until the actor with this PID has come back n times, since the proxy started. It does not wait for an actor whose
// session is over.
func (w *Watch) Restarted(ctx context.Context, pid string, n int) error {
	return w.await(ctx, fmt.Sprintf("%s had come back %s", pid, times(n)), pid, func() (bool, error) {
		ok := w.seen.Restarts[pid] >= n
		return ok, w.mayCome(ok, pid)
	})
}

// await waits until ok, which is called with mu held, says so or errs. about is whom an error tells of; "" for what all did.
func (w *Watch) await(ctx context.Context, what, about string, ok func() (bool, error)) error {
	for {
		w.mu.Lock()
		done, err := ok()
		if err == nil && !done {
			err = ctx.Err()
		}
		if err != nil {
			err = fmt.Errorf("waited in vain until %s: %s: %w", what, w.instead(about), err)
		}
		if done || err != nil {
			w.mu.Unlock()
			return err
		}
		wake := w.changed()
		w.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
}

// changed is closed at the next change. mu is held.
func (w *Watch) changed() <-chan struct{} {
	if w.wake == nil {
		w.wake = make(chan struct{})
	}
	return w.wake
}

// mayCome is an error if nothing more will be heard of an actor: it would be a waste of time to wait for it.
func (w *Watch) mayCome(came bool, pid string) error {
	if _, over := w.seen.Closed[sessionOf(pid)]; over && !came {
		return errors.New("its session is over")
	}
	return nil
}

// instead tells what has been seen of an actor, or of all. mu is held.
func (w *Watch) instead(pid string) string {
	s := &w.seen
	if pid == "" {
		failures, restarts := 0, 0
		for _, f := range s.Failures {
			failures += len(f)
		}
		for _, n := range s.Restarts {
			restarts += n
		}
		return fmt.Sprintf("%d sessions relayed, %d are over; actors failed %s and came back %s",
			len(s.Opened), len(s.Closed), times(failures), times(restarts))
	}
	said := fmt.Sprintf("it failed %s and came back %s", times(len(s.Failures[pid])), times(s.Restarts[pid]))
	if o := w.last[pid]; o != nil {
		said += "; at last " + o.told().String()
	}
	if session := sessionOf(pid); session != "" {
		_, opened := s.Opened[session]
		e, closed := s.Closed[session]
		switch {
		case closed && e.Err != nil:
			said += fmt.Sprintf("; its session is over, with cause %v: %v", e.Cause, e.Err)
		case closed:
			said += fmt.Sprintf("; its session is over, with cause %v", e.Cause)
		case opened:
			said += "; its session lives"
		default:
			said += "; its session has not relayed yet"
		}
	}
	return said
}

// times is n in words.
func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// sessionOf is the PID of the session that an actor belongs to, or that it is; "" for those above the sessions.
func sessionOf(pid string) string {
	listener, rest, below := strings.Cut(pid, "/")
	session, _, _ := strings.Cut(rest, "/")
	if !below || !strings.HasPrefix(session, "session-") {
		return ""
	}
	return listener + "/" + session
}

// under reports whether an actor is another, or below it.
func under(pid, root string) bool {
	rest, ok := strings.CutPrefix(pid, root)
	return ok && (rest == "" || rest[0] == '/')
}
