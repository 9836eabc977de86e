package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// Proxy is a running proxy: the handle that its owner holds on the tree of actors. All methods may be called from any goroutine.
type Proxy struct {
	shared *shared
}

// Errors of the methods that ask or tell something.
var (
	// ErrStopped says that the proxy has stopped.
	ErrStopped = errors.New("the proxy has stopped")
	// ErrNoSession says that there is no live session of that number.
	ErrNoSession = errors.New("no such session")
	// ErrNoActor says that no actor of the proxy has that PID.
	ErrNoActor = errors.New("no such actor")
)

// Start listens and makes the tree. It returns when the tree stands: a message to listener/acceptor that is sent right afterwards is
// delivered. The error, if any, names what is wrong with the Config, or the address and the cause.
// onEvent (may be nil) is subscribed to the event stream before anything else happens, so that it misses nothing; see messages.
func Start(cfg Config, onEvent func(event any)) (*Proxy, error) {
	s, err := newShared(cfg)
	if err != nil {
		return nil, err
	}
	sockets, err := listen(&s.cfg)
	if err != nil {
		return nil, err
	}
	s.addr = wire.LocalAddr(sockets[0])
	p := &Proxy{shared: s}
	for i, fd := range sockets {
		e, err := newEndpoint(s, listenerName(i, len(sockets)), i, fd)
		if err != nil {
			for _, fd := range sockets {
				wire.CloseDescriptor(fd)
			}
			for _, e := range s.endpoints {
				e.lane.discard()
			}
			return nil, err
		}
		s.endpoints = append(s.endpoints, e)
	}
	if onEvent != nil {
		s.system.EventStream.Subscribe(onEvent)
	}
	p.run()
	return p, nil
}

// newShared checks the Config, and makes what all actors have in common.
func newShared(cfg Config) (*shared, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	limit := descriptorLimit()
	s := &shared{cfg: cfg, log: cfg.Log, done: make(chan struct{})}
	s.surveyor.shared = s
	s.descriptors.limit, s.descriptors.scarce = limit, limit-reserved(limit)
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	chosen, err := strategyNamed("supervision strategy", cfg.Supervision, cfg.strategiesOnOffer())
	if err != nil {
		return nil, err
	}
	s.supervision.Store(&chosen)
	if s.sessionStrategy, err = strategyNamed("session supervision", cfg.SessionSupervision, sessionStrategies); err != nil {
		return nil, err
	}
	s.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quietly(s.log) }))
	condense(s.system.ProcessRegistry)
	return s, nil
}

// run sets the loops going, has the guardian spawn the listeners, and waits until they stand.
func (p *Proxy) run() {
	s := p.shared
	g := newGuardian(s, s.endpoints)
	var running sync.WaitGroup
	for _, e := range s.endpoints {
		running.Go(e.lane.loop.Run)
	}
	go func() {
		running.Wait()
		s.system.Shutdown()
		close(s.done)
	}()
	for _, e := range s.endpoints {
		e.lane.do(func() { g.spawn(e) })
		<-e.standing
	}
}

// condense replaces the registry's 32,768 shards with 32. They are there to keep many processors from meeting at one lock; a few
// loops seldom meet, while so many nearly empty maps cost 3 MB, and each actor a kilobyte and a cache miss.
func condense(r *actor.ProcessRegistryValue) {
	few := cmap.New()
	for _, slice := range r.LocalPIDs.LocalPIDs {
		slice.IterCb(func(id string, process any) { few.Set(id, process) }) // Items would start a goroutine for each shard
	}
	r.LocalPIDs = &actor.SliceMap{LocalPIDs: []cmap.ConcurrentMap{few}}
}

// listenerName is the PID of a listener: with a single loop there is but one.
func listenerName(i, of int) string {
	if of == 1 {
		return tree[RoleListener].name
	}
	return fmt.Sprintf("%s-%d", tree[RoleListener].name, i+1)
}

// Addr is the address that the proxy listens on, with the port that the system chose if ListenPort was 0.
func (p *Proxy) Addr() netip.AddrPort { return p.shared.addr }

// System is the actor system that the proxy lives in: for its event stream, and for sending messages to actors by PID.
func (p *Proxy) System() *actor.ActorSystem { return p.shared.system }

// Drain closes the listening socket at once and lets live sessions run on for up to Config.DrainTimeout. It does not wait: see Done.
func (p *Proxy) Drain() { p.order(draining) }

// Stop ends everything now. It does not wait: see Done.
func (p *Proxy) Stop() { p.order(ending) }

func (p *Proxy) order(to stage) {
	for _, e := range p.shared.endpoints {
		e.lane.do(func() { e.order(to) })
	}
}

// Done is closed when the last session has ended after Drain or Stop, and everything that the proxy held is released.
func (p *Proxy) Done() <-chan struct{} { return p.shared.done }

// Shutdown drains, and returns when all sessions have ended, as they do after Config.DrainTimeout at the latest. If ctx ends before that,
// it ends them at once, and returns ctx's error.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.Drain()
	select {
	case <-p.Done():
		return nil
	case <-ctx.Done():
		p.Stop()
		<-p.Done()
		return ctx.Err()
	}
}

// Sessions lists the live sessions. The list may be shared with other callers: do not change it. Asking wakes no session and does not
// count as activity.
func (p *Proxy) Sessions(ctx context.Context) (messages.Sessions, error) {
	s, err := p.shared.surveyor.ask(ctx)
	if err != nil {
		return nil, err
	}
	return s.list(), nil
}

// Tree describes every actor, from the listener down; with several listeners, from the guardian down. As for Sessions, what it
// returns may be shared, and asking is not activity.
func (p *Proxy) Tree(ctx context.Context) (messages.Node, error) {
	s, err := p.shared.surveyor.ask(ctx)
	if err != nil {
		return messages.Node{}, err
	}
	return s.tree(), nil
}

// EndSession ends the session with this number: both of its peers are reset. It returns when the end has been ordered, ErrNoSession if
// there is no such session, and ctx's error if the proxy has not answered by then.
func (p *Proxy) EndSession(ctx context.Context, id uint64) error {
	if id == 0 {
		return ErrNoSession
	}
	e := p.shared.endpoints[(id-1)%uint64(len(p.shared.endpoints))]
	found := false
	err := p.await(ctx, e.lane, func() {
		if c := e.connections[id]; c != nil && c.state != closing {
			found = true
			c.settle(messages.CauseEnded, nil) // should the session die first, its successor does it
			p.shared.system.Root.Send(c.session.pid, &messages.End{Cause: messages.CauseEnded})
		}
	})
	if err == nil && !found {
		return ErrNoSession
	}
	return err
}

// await runs a function on a lane's goroutine and waits for it. If it returns an error, the function may still run.
func (p *Proxy) await(ctx context.Context, l *lane, f func()) error {
	done := make(chan struct{})
	l.do(func() {
		f()
		close(done)
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.Done():
		return ErrStopped
	}
}

// Supervision is the name of the strategy in force for the children of a session.
func (p *Proxy) Supervision() string { return p.shared.supervision.Load().Name }

// SetSupervision chooses another strategy for the children of sessions, those of live sessions included: it answers the next failure.
// The error lists the names that it knows.
func (p *Proxy) SetSupervision(name string) error {
	chosen, err := strategyNamed("supervision strategy", name, p.shared.cfg.strategiesOnOffer())
	if err != nil {
		return err
	}
	was := p.shared.supervision.Swap(&chosen)
	p.shared.publish(messages.SupervisionChanged{Strategy: chosen.Name, Was: was.Name})
	return nil
}

// Ways to kill an actor.
const (
	// KillPanic makes the actor panic between two messages.
	KillPanic = "panic"
	// KillStop stops it from outside, as nobody in the tree would.
	KillStop = "stop"
)

// Kill kills an actor, for fault injection: mode is KillPanic or KillStop, and by says on whose behalf, for the log. It does not wait.
// What becomes of the actor is told by the events ActorFailed and ActorRestarted. The error is ErrNoActor, or names the modes.
func (p *Proxy) Kill(pid, mode, by string) error {
	if mode != KillPanic && mode != KillStop {
		return fmt.Errorf("unknown way to kill %q: it is %s or %s", mode, KillPanic, KillStop)
	}
	role, ours := p.shared.roleOf(pid)
	if _, found := p.shared.system.ProcessRegistry.GetLocal(pid); !found || !ours {
		return ErrNoActor
	}
	p.shared.kill(pid, role, mode, by)
	return nil
}

// roleOf tells the role by a PID; false if it is none of the proxy's.
func (s *shared) roleOf(pid string) (Role, bool) {
	for _, e := range s.endpoints {
		if pid == e.name {
			return RoleListener, true
		}
		rest, below := strings.CutPrefix(pid, e.name+"/")
		if !below {
			continue
		}
		session, child, deeper := strings.Cut(rest, "/")
		for r := RoleAcceptor; r < roles; r++ {
			switch {
			case r < RoleSession && !deeper && rest == tree[r].name,
				r == RoleSession && !deeper && strings.HasPrefix(session, tree[r].name),
				r > RoleSession && child == tree[r].name:
				return r, true
			}
		}
	}
	return 0, false
}

// kill says so and does it.
func (s *shared) kill(pid string, role Role, mode, by string) {
	s.publish(messages.ActorKilled{PID: pid, Kind: role.String(), Mode: mode, By: by})
	if mode == KillStop {
		s.system.Root.Stop(s.system.NewLocalPID(pid))
	} else {
		s.system.Root.Send(s.system.NewLocalPID(pid), &messages.Fail{Reason: "killed by " + by})
	}
}
