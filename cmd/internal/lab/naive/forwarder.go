// Package naive is a forwarder as one might write it with actors at first: each reader and writer keeps the bytes in its own fields, and
// hands them on in messages. It is what the proxy is compared with, and material for teaching; nobody should use it for more than that.
//
// It is built of the same library, has the same four actors for a connection, under the same names, and restarts one that fails, and only
// that (one-for-one). There is a single difference: where the bytes are. In the proxy they are in sockets and flows, which outlive every
// actor, and an actor holds nothing but a pointer to them. Here they are in the actor. A restart makes a new actor, in order to be rid of
// what was in the old one; and so it is rid of the bytes, too. Nobody notices: no call failed, and the stream goes on behind the gap.
//
//	forwarder.go  accepts clients, and tells what happens
//	session.go    the supervisor of a connection
//	reader.go     socket → field → message
//	writer.go     message → field → socket
package naive

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// Config says what a Forwarder does.
type Config struct {
	Destination string
	// MaxRestarts and Within bound how often a child is restarted before its session gives up. 0 = as in the proxy.
	MaxRestarts int
	Within      time.Duration
	// Fault is called at after-read of readers, and at before-write and after-write of writers; see actors.Config.
	Fault func(at actors.Point, who string)
}

// Forwarder is a running one.
type Forwarder struct {
	cfg      Config
	listener net.Listener
	system   *actor.ActorSystem
	onEvent  func(any)
	accepted sync.WaitGroup

	mu       sync.Mutex
	sessions map[*actor.PID]*session
	failed   map[string]time.Time // when an actor has failed that has not come back yet, by PID
	kills    map[string]string
	stopped  bool
}

// Start listens on a free loopback port. onEvent is told of the same events as the proxy's, as far as there are any here. It may be called
// on several goroutines, one at a time.
func Start(cfg Config, onEvent func(any)) (*Forwarder, error) {
	defaults := actors.DefaultConfig()
	if cfg.MaxRestarts == 0 {
		cfg.MaxRestarts = defaults.MaxRestarts
	}
	if cfg.Within == 0 {
		cfg.Within = defaults.Within
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the naive forwarder: %w", err)
	}
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	f := &Forwarder{
		cfg: cfg, listener: l, system: actor.NewActorSystem(actor.WithLoggerFactory(quiet)),
		sessions: map[*actor.PID]*session{}, failed: map[string]time.Time{}, kills: map[string]string{},
	}
	var one sync.Mutex
	f.onEvent = func(e any) {
		one.Lock()
		defer one.Unlock()
		if onEvent != nil {
			onEvent(e)
		}
	}
	f.system.EventStream.Subscribe(func(e any) {
		if e, ok := e.(*actor.SupervisorEvent); ok {
			f.told(e)
		}
	})
	f.accepted.Go(f.accept)
	return f, nil
}

// Addr is where it listens.
func (f *Forwarder) Addr() netip.AddrPort { return f.listener.Addr().(*net.TCPAddr).AddrPort() }

// Kill kills a reader or writer: see actors.Proxy.Kill.
func (f *Forwarder) Kill(pid, mode, by string) error {
	if _, found := f.system.ProcessRegistry.GetLocal(pid); !found {
		return actors.ErrNoActor
	}
	f.mu.Lock()
	f.kills[pid] = mode
	f.mu.Unlock()
	f.onEvent(messages.ActorKilled{PID: pid, Mode: mode, By: by})
	if mode == actors.KillStop {
		f.system.Root.Stop(f.system.NewLocalPID(pid))
	} else {
		f.system.Root.Send(f.system.NewLocalPID(pid), &messages.Fail{Reason: "killed by " + by})
	}
	return nil
}

// Stop ends everything, and waits for it.
func (f *Forwarder) Stop() {
	_ = f.listener.Close()
	f.mu.Lock()
	f.stopped = true
	var ends []*actor.Future
	for pid, s := range f.sessions {
		s.close()
		ends = append(ends, f.system.Root.StopFuture(pid))
	}
	f.mu.Unlock()
	f.accepted.Wait()
	for _, end := range ends {
		_ = end.Wait()
	}
	f.system.Shutdown()
}

// accept lets clients in, one after the other. It is no actor: what the comparison is about begins behind it.
func (f *Forwarder) accept() {
	for id := uint64(1); ; id++ {
		client, err := f.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", f.cfg.Destination)
		if err != nil {
			reset(client)
			continue
		}
		if err := f.spawn(id, client.(*net.TCPConn), server.(*net.TCPConn)); err != nil {
			reset(client, server)
		}
	}
}

func (f *Forwarder) spawn(id uint64, client, server *net.TCPConn) error {
	s := &session{forwarder: f, id: id, client: client, server: server}
	answer := actor.NewOneForOneStrategy(f.cfg.MaxRestarts, f.cfg.Within, func(any) actor.Directive { return actor.RestartDirective })
	props := actor.PropsFromProducer(func() actor.Actor { return s }, actor.WithSupervisor(answer))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return errors.New("it has stopped")
	}
	pid, err := f.system.Root.SpawnNamed(props, "listener/session-"+strconv.FormatUint(id, 10))
	if err == nil {
		f.sessions[pid] = s
	}
	return err
}

// told makes of what the library says of a failure what the proxy says.
func (f *Forwarder) told(e *actor.SupervisorEvent) {
	directive := "restart"
	if e.Directive == actor.StopDirective {
		directive = "stop"
	}
	f.mu.Lock()
	if _, already := f.failed[e.Child.Id]; !already {
		f.failed[e.Child.Id] = time.Now()
	}
	kill := f.kills[e.Child.Id]
	f.mu.Unlock()
	f.onEvent(messages.ActorFailed{
		PID: e.Child.Id, Reason: fmt.Sprint(e.Reason), Strategy: "naive", Directive: directive, Kill: kill,
	})
}

// back says that an actor runs again.
func (f *Forwarder) back(pid string, restarts uint32) {
	f.mu.Lock()
	at, kill := f.failed[pid], f.kills[pid]
	delete(f.failed, pid)
	delete(f.kills, pid)
	f.mu.Unlock()
	f.onEvent(messages.ActorRestarted{PID: pid, Restarts: restarts, After: time.Since(at), Kill: kill})
}

// strike is called where an actor may be made to fail.
func (f *Forwarder) strike(at actors.Point, who *actor.PID) {
	if f.cfg.Fault != nil {
		f.cfg.Fault(at, who.Id)
	}
}

// reset closes connections such that their peers see that something is wrong.
func reset(conns ...net.Conn) {
	for _, c := range conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}
