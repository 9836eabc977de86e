package actors

import (
	"context"
	"errors"
	"net/netip"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// Proxy is a running proxy: the handle that its owner holds on the tree of actors. All methods may be called from any goroutine.
type Proxy struct {
	shared   *shared
	restored int
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

// Addr is the address that the proxy listens on, with the port that the system chose if ListenPort was 0.
func (p *Proxy) Addr() netip.AddrPort { return p.shared.addr }

// Restored is how many sessions of the process before this one go on; see Config.Survival.
func (p *Proxy) Restored() int { return p.restored }

// System is the actor system that the proxy lives in: for sending messages to actors by PID. With several loops each listener and all
// below it have one of their own, and this is that of listener-1; see Systems.
func (p *Proxy) System() *actor.ActorSystem { return p.shared.endpoints[0].system }

// Systems are the actor systems of all listeners, by number.
func (p *Proxy) Systems() (all []*actor.ActorSystem) {
	for _, e := range p.shared.endpoints {
		all = append(all, e.system)
	}
	return all
}

// Subscribe has a function called with every event from now on, until unsubscribe is called; see messages for what it may do. With
// several loops it is called on several goroutines. If it panics, that is logged, and nobody else notices.
func (p *Proxy) Subscribe(onEvent func(event any)) (unsubscribe func()) {
	var undo []func()
	for _, e := range p.shared.endpoints {
		undo = append(undo, e.subscribe(onEvent))
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}
}

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
			e.system.Root.Send(c.session.pid, &messages.End{Cause: messages.CauseEnded})
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
	publish(p.shared.endpoints[0], messages.SupervisionChanged{Strategy: chosen.Name, Was: was.Name})
	return nil
}
