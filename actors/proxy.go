package actors

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// Proxy is a running proxy: the handle that its owner holds on the tree of actors. All methods may be called from any goroutine.
type Proxy struct {
	hub  *hub
	addr netip.AddrPort
}

// Start listens and spawns the listener. The error, if any, names what is wrong with the Config, or the address and the cause.
// onEvent (may be nil) is subscribed to the event stream before anything else happens, so that it misses nothing; see messages.
func Start(cfg Config, onEvent func(event any)) (*Proxy, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &hub{cfg: cfg, scarce: cfg.scarce(), done: make(chan struct{})}
	if h.strategy, err = strategyNamed(cfg.Supervision); err != nil {
		return nil, err
	}
	var known bool
	if h.sessions, known = sessionDirectives[cfg.SessionSupervision]; !known {
		return nil, fmt.Errorf("unknown session supervision %q: it is restart or stop", cfg.SessionSupervision)
	}
	addr, err := listenAddr(cfg)
	if err != nil {
		return nil, err
	}
	if h.fd, err = bind(cfg, addr); err != nil {
		return nil, err
	}
	p := &Proxy{hub: h, addr: wire.LocalAddr(h.fd)}
	if err := h.open(); err != nil {
		wire.CloseDescriptor(h.fd)
		return nil, err
	}
	if onEvent != nil {
		h.system.EventStream.Subscribe(onEvent)
	}
	if err := h.spawnListener(); err != nil {
		return nil, err
	}
	return p, nil
}

// open makes the actor system and the lanes, and sets the loops going.
func (h *hub) open() error {
	log := h.cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quietly(log) }))
	condense(h.system.ProcessRegistry)
	h.resolver.init(h)
	for range h.cfg.Loops {
		l, err := newLane(h)
		if err != nil {
			h.finish()
			return fmt.Errorf("cannot set up a readiness loop: %w", err)
		}
		h.lanes = append(h.lanes, l)
	}
	var running sync.WaitGroup
	for _, l := range h.lanes {
		running.Go(l.loop.Run)
	}
	go func() {
		running.Wait()
		h.system.Shutdown()
		close(h.done)
	}()
	return nil
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

func (h *hub) spawnListener() error {
	props := actor.PropsFromProducer(func() actor.Actor { return &Listener{hub: h, failures: map[string]*ledger{}} },
		actor.WithMailbox(func() actor.Mailbox { return newMailbox(&connection{lane: h.lanes[0]}) }),
		actor.WithGuardian(&guardian{h}))
	pid, err := h.system.Root.SpawnNamed(props, "listener")
	if err != nil {
		h.finish()
		return err
	}
	h.root = pid
	return nil
}

// Addr is the address that the proxy listens on, with the port that the system chose if ListenPort was 0.
func (p *Proxy) Addr() netip.AddrPort { return p.addr }

// System is the actor system that the proxy lives in: for requests (messages.ListSessions, …), and for stopping actors by PID.
func (p *Proxy) System() *actor.ActorSystem { return p.hub.system }

// Listener is the root of the supervision tree.
func (p *Proxy) Listener() *actor.PID { return p.hub.root }

// Drain closes the listening socket at once and lets live sessions run on for up to Config.DrainTimeout. It does not wait: see Done.
func (p *Proxy) Drain() { p.hub.send(p.hub.root, &messages.Drain{}) }

// Stop ends everything now. It does not wait: see Done.
func (p *Proxy) Stop() { p.hub.send(p.hub.root, &messages.EndAll{}) }

// Done is closed when the last session has ended after Drain or Stop, and everything that the proxy held is released.
func (p *Proxy) Done() <-chan struct{} { return p.hub.done }

// listenAddr is the address to listen on. Of a name's addresses it is the first IPv4 one, if there is any, as in the net package.
func listenAddr(cfg Config) (netip.Addr, error) {
	if cfg.ListenHost == "" {
		return netip.IPv6Unspecified(), nil
	}
	if ip, err := netip.ParseAddr(cfg.ListenHost); err == nil {
		return ip, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cfg.ConnectTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", cfg.ListenHost)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("cannot listen on %q: %w", cfg.ListenHost, err)
	}
	for _, a := range addrs {
		if a.Unmap().Is4() {
			return a.Unmap(), nil
		}
	}
	return addrs[0], nil
}

// bind makes the listening descriptor. All addresses means IPv4 alone on a machine without IPv6.
func bind(cfg Config, ip netip.Addr) (int, error) {
	addr := netip.AddrPortFrom(ip, cfg.ListenPort)
	fd, err := wire.Bind(addr)
	if err != nil && cfg.ListenHost == "" && wire.LacksIPv6(err) {
		addr = netip.AddrPortFrom(netip.IPv4Unspecified(), cfg.ListenPort)
		fd, err = wire.Bind(addr)
	}
	if err != nil {
		return -1, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(addr), Err: err}
	}
	return fd, nil
}
