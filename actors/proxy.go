package actors

import (
	"errors"
	"net/netip"

	"github.com/asynkron/protoactor-go/actor"
)

// Proxy is a running proxy: the handle that its owner holds on the tree of actors. All methods may be called from any goroutine.
type Proxy struct {
	system   *actor.ActorSystem
	listener *actor.PID
	addr     netip.AddrPort
	done     chan struct{}
}

// Start listens and spawns the listener. The error, if any, names the address and the cause.
// onEvent (may be nil) is subscribed to the event stream before anything else happens, so that it misses nothing; see messages.
func Start(cfg Config, onEvent func(event any)) (*Proxy, error) {
	return nil, errors.New("under construction")
}

// Addr is the address that the proxy listens on, with the port that the system chose if ListenPort was 0.
func (p *Proxy) Addr() netip.AddrPort { return p.addr }

// System is the actor system that the proxy lives in: for requests (messages.ListSessions, …), and for stopping actors by PID.
func (p *Proxy) System() *actor.ActorSystem { return p.system }

// Listener is the root of the supervision tree.
func (p *Proxy) Listener() *actor.PID { return p.listener }

// Drain closes the listening socket at once and lets live sessions run on for up to Config.DrainTimeout. It does not wait: see Done.
func (p *Proxy) Drain() {}

// Stop ends everything now. It does not wait: see Done.
func (p *Proxy) Stop() {}

// Done is closed when the last session has ended after Drain or Stop, and everything that the proxy held is released.
func (p *Proxy) Done() <-chan struct{} { return p.done }
