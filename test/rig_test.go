package test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// patience bounds every wait for something that must happen. It is long, since this machine may be busy: nothing should ever use it up.
const patience = 30 * time.Second

// never is for limits that a test shall not meet.
const never = 1 << 30

// rig is a proxy in this process, a destination, and what has been observed of both.
type rig struct {
	proxy    *actors.Proxy
	plan     *fault.Plan
	watch    *fault.Watch
	origin   *net.TCPListener
	arrivals chan *net.TCPConn // connections that the proxy has made to the destination
	missed   atomic.Int32      // faults that the traffic did not pass by

	opening  sync.Mutex // one connection is opened at a time, so that both its ends and its session can be told
	sessions int

	mu      sync.Mutex
	zombies []string // visits by actors of sessions that were gone
	log     []string // lifecycle visits and events, if tracing
	tracing bool
}

// newRig starts a proxy. When the test ends it is stopped, and must leave nothing behind.
func newRig(t testing.TB, cfg actors.Config, rules ...*fault.Rule) *rig {
	t.Helper()
	return startRig(t, cfg, false, rules...)
}

// startRig is newRig, with a log of everything from the very first step if it is tracing.
func startRig(t testing.TB, cfg actors.Config, tracing bool, rules ...*fault.Rule) *rig {
	t.Helper()
	leaves(t)
	r := &rig{
		tracing: tracing,
		plan:    fault.NewPlan(rules...), watch: fault.NewWatch(), arrivals: make(chan *net.TCPConn, 4096),
	}
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.origin = origin.(*net.TCPListener)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		defer close(r.arrivals)
		for {
			conn, err := r.origin.AcceptTCP()
			if err != nil {
				return
			}
			r.arrivals <- conn
		}
	})
	t.Cleanup(func() {
		accepting.Wait()
		for conn := range r.arrivals { // of sessions that died before they were opened
			conn.Close()
		}
	})
	t.Cleanup(func() { r.origin.Close() })
	addr := r.origin.Addr().(*net.TCPAddr).AddrPort()
	cfg.Host = cmp.Or(cfg.Host, "127.0.0.1")
	cfg.Port, cfg.ListenHost, cfg.Fault = addr.Port(), "127.0.0.1", r.strike
	if r.proxy, err = actors.Start(cfg, r.observe); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.proxy.Stop()
		r.mustBeGone(t)
	})
	return r
}

// strike is the proxy's seam. It runs on the goroutine that relays.
func (r *rig) strike(at actors.Point, who string) {
	gone := false
	r.watch.See(func(s *fault.Seen) { _, gone = s.Closed[sessionOf(who)] })
	r.mu.Lock()
	if gone {
		r.zombies = append(r.zombies, fmt.Sprintf("%v of %s", at, who))
	}
	if r.tracing && at <= actors.PointStopped {
		r.log = append(r.log, fmt.Sprintf("%-11v %s", at, who))
	}
	r.mu.Unlock()
	r.plan.Strike(at, who)
}

// observe is subscribed to the proxy's events. It runs on the goroutine that relays. The log comes first: whoever the watch wakes reads it.
func (r *rig) observe(event any) {
	if r.tracing {
		r.trace(event)
	}
	r.watch.Observe(event)
}

func (r *rig) trace(event any) {
	line := ""
	switch e := event.(type) {
	case messages.SessionOpened:
		line = fmt.Sprintf("* SessionOpened   %s", e.PID)
	case messages.SessionClosed:
		line = fmt.Sprintf("* SessionClosed   %s: %v", e.PID, e.Cause)
	case messages.ActorFailed:
		line = fmt.Sprintf("* ActorFailed     %s: %s; %s says %s", e.PID, e.Reason, e.Strategy, e.Directive)
	case messages.ActorRestarted:
		line = fmt.Sprintf("* ActorRestarted  %s, time %d", e.PID, e.Restarts)
	default:
		return
	}
	r.mu.Lock()
	r.log = append(r.log, line)
	r.mu.Unlock()
}

// The watch's waits, with patience.

func patiently(wait func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return wait(ctx)
}

func (r *rig) await(what string, ok func(*fault.Seen) bool) error {
	return patiently(func(ctx context.Context) error { return r.watch.Until(ctx, what, ok) })
}

// awaitOpened does not wait for a session that died before it was opened.
func (r *rig) awaitOpened(pid string) (e messages.SessionOpened, err error) {
	err = patiently(func(ctx context.Context) error { e, err = r.watch.Opened(ctx, pid); return err })
	return e, err
}

func (r *rig) awaitClosed(pid string) (e messages.SessionClosed, err error) {
	err = patiently(func(ctx context.Context) error { e, err = r.watch.Gone(ctx, pid); return err })
	return e, err
}

// awaitFailures waits until a supervisor has answered n failures. A child's under escalate is the session's to answer for.
func (r *rig) awaitFailures(who string, n int) error {
	return patiently(func(ctx context.Context) error { return r.watch.Failed(ctx, who, n) })
}

// awaitRestarts waits until those of a session have come back so often: the session under "", its children by name.
func (r *rig) awaitRestarts(session string, want map[string]int) error {
	for name, n := range want {
		err := patiently(func(ctx context.Context) error { return r.watch.Restarted(ctx, join(session, name), n) })
		if err != nil {
			return fmt.Errorf("restarts %v, want %v: %w", r.restartsOf(session), want, err)
		}
	}
	return nil
}

// restartsOf are the restarts of a session (under "") and of its children, by name.
func (r *rig) restartsOf(session string) map[string]int {
	found := map[string]int{}
	r.watch.See(func(s *fault.Seen) {
		for pid, n := range s.Restarts {
			if rest, ok := strings.CutPrefix(pid, session); ok && (rest == "" || rest[0] == '/') {
				found[strings.TrimPrefix(rest, "/")] = n
			}
		}
	})
	return found
}

func (r *rig) failures(pid string) (n int) {
	r.watch.See(func(s *fault.Seen) { n = len(s.Failures[pid]) })
	return n
}

func (r *rig) fail(who string) { fault.Fail(r.proxy.System(), who, "on purpose") }
func (r *rig) stop(who string) { fault.Stop(r.proxy.System(), who) }

// tree asks for the tree.
func (r *rig) tree() (n messages.Node, err error) {
	err = patiently(func(ctx context.Context) error { n, err = r.proxy.Tree(ctx); return err })
	return n, err
}

// end has a session ended in order.
func (r *rig) end(session string) error {
	id, err := strconv.ParseUint(strings.TrimPrefix(session, "listener/session-"), 10, 64)
	if err != nil {
		return err
	}
	return patiently(func(ctx context.Context) error { return r.proxy.EndSession(ctx, id) })
}

// open opens a stream; rules, which may be nil, makes rules from the PID that its session will have.
func (r *rig) open(seed uint64, bytes int, rules func(pid string) []*fault.Rule) (*stream, error) {
	r.opening.Lock()
	defer r.opening.Unlock()
	r.sessions++
	pid := "listener/session-" + strconv.Itoa(r.sessions)
	if rules != nil {
		r.plan.Add(rules(pid)...)
	}
	conn, err := net.DialTimeout("tcp", r.proxy.Addr().String(), patience)
	if err != nil { // that session may have died before the call returned
		_, closed := r.awaitClosed(pid)
		return nil, errors.Join(err, closed, r.discardArrivals())
	}
	s := &stream{client: conn.(*net.TCPConn), pid: pid, seed: seed, bytes: bytes, mid: make(chan struct{}), gate: make(chan struct{})}
	opened, err := r.awaitOpened(pid)
	if err != nil {
		err = errors.Join(err, r.discardArrivals())
	} else {
		select {
		case s.server = <-r.arrivals:
			if opened.Client.String() != conn.LocalAddr().String() {
				err = fmt.Errorf("the client of %s is %s, want %v", pid, opened.Client, conn.LocalAddr())
			}
		case <-time.After(patience):
			err = errors.New("the proxy has not connected to the destination")
		}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	deadline := time.Now().Add(patience)
	_ = s.client.SetDeadline(deadline)
	_ = s.server.SetDeadline(deadline)
	return s, nil
}

// discardArrivals closes what sessions that died young have left behind at the destination, so that nobody takes it for the other end of
// a stream. To know when it has come to the last, it sends a connection of its own after them.
func (r *rig) discardArrivals() error {
	last, err := net.DialTimeout("tcp", r.origin.Addr().String(), patience)
	if err != nil {
		return err
	}
	defer last.Close()
	for {
		select {
		case conn := <-r.arrivals:
			conn.Close()
			if conn.RemoteAddr().String() == last.LocalAddr().String() {
				return nil
			}
		case <-time.After(patience):
			return errors.New("the destination accepts nobody")
		}
	}
}

// The names of actors.

// sessionOf is the PID of the session that an actor belongs to, or that it is.
func sessionOf(pid string) string {
	parts := strings.SplitN(pid, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

// The children of a session.
var children = []string{"client-reader", "server-writer", "server-reader", "client-writer"}

// join is the PID of a session's child, or of the session if the child is "".
func join(session, child string) string {
	if child == "" {
		return session
	}
	return session + "/" + child
}

// strategyNames are all strategies for a session's children, the default first.
func strategyNames() (names []string) {
	for _, s := range actors.SupervisionStrategies() {
		names = append(names, s.Name)
	}
	return names
}
