package actors

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/actors/survival"
	"tcpproxy/messages"
)

// Start listens and makes the tree. It returns when the tree stands: a message to listener/acceptor that is sent right afterwards is
// delivered. The error, if any, names what is wrong with the Config, or the address and the cause.
// onEvent (may be nil) is subscribed to the event stream before anything else happens, so that it misses nothing; see messages.
func Start(cfg Config, onEvent func(event any)) (*Proxy, error) {
	s, err := newShared(cfg)
	if err != nil {
		return nil, err
	}
	sockets, goesOn, err := s.sockets()
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
		p.Subscribe(onEvent)
	}
	if goesOn {
		r := newRestorer(s)
		r.run()
		p.restored = r.restored
	}
	p.run()
	if w := cfg.Survival; w != nil {
		w.Established()
		if w.Generation() > 1 {
			go p.tellOfProcess() // why the one before ended may take a moment to find out
		}
	}
	return p, nil
}

// tellOfProcess says that this process goes on after another one.
func (p *Proxy) tellOfProcess() {
	s := p.shared.cfg.Survival.Status()
	e := p.shared.endpoints[0]
	e.lane.do(func() {
		publish(e, messages.ProcessRestarted{Generation: s.Generation, Reason: s.Reason, After: s.After, Sessions: p.restored})
	})
}

// sockets are the listening descriptors, one for each loop: new ones, or those that the process before has left behind. There, -1 stands
// for one that was closed.
func (s *shared) sockets() (fds []int, goesOn bool, err error) {
	w := s.cfg.Survival
	if w == nil {
		fds, err = listen(&s.cfg)
		return fds, false, err
	}
	wire.Inherit()
	m := w.Memory()
	if m.Formatted() {
		for i := range s.cfg.Loops {
			fds = append(fds, int(m.Loop[i].Listening.Load()))
		}
		return fds, true, nil
	}
	w.Sweep(func(int) bool { return false }, wire.CloseDescriptor) // what a process has left that ended before it got here
	if fds, err = listen(&s.cfg); err != nil {
		return nil, false, err
	}
	for i, fd := range fds {
		m.Loop[i].Listening.Store(int64(fd))
	}
	m.Began.Store(survival.Monotonic())
	return fds, false, m.Format(s.cfg.Loops, s.cfg.MaxSessions)
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
	return s, nil
}

// newSystem makes an actor system of the library's.
func newSystem(log *slog.Logger) *actor.ActorSystem {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quietly(log) }))
	condense(system.ProcessRegistry)
	return system
}

// run sets the loops going, has the guardian spawn the listeners, and waits until they stand.
func (p *Proxy) run() {
	s := p.shared
	var running sync.WaitGroup
	for _, e := range s.endpoints {
		running.Go(e.lane.loop.Run)
	}
	go func() {
		running.Wait()
		for _, e := range s.endpoints {
			e.system.Shutdown()
		}
		close(s.done)
	}()
	for _, e := range s.endpoints {
		e.lane.do(newGuardian(e).spawn)
		<-e.standing
	}
}

// condense replaces the registry's 32,768 shards with 32. They are there to keep many processors from meeting at one lock; here a registry
// belongs to one lane, and so many nearly empty maps would cost it 3 MB, and each actor a kilobyte and a cache miss.
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
