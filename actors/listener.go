package actors

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// Listener is the root of the tree: it owns the listening socket, and spawns a session for every client that the acceptor has let in.
// Supervised by the guardian, which resumes it: its sessions survive whatever happens to it. On lane 0.
type Listener struct {
	hub            *hub
	draining       stage
	announced      bool
	deadline       wire.Timer
	failures       map[string]*ledger // of sessions that have failed, by PID
	helperFailures ledger
	helperPause    wire.Timer
}

// stage is how far the listener is on its way out.
//
//	serving ──Drain──▶ draining ──EndAll, or Config.DrainTimeout──▶ ending ──the last session is gone──▶ stopped
//	serving ──EndAll──────────────────────────────────────────────▶ ending
type stage uint8

const (
	serving stage = iota
	draining
	ending
)

var stageNames = [...]string{"serving", "draining", "ending"}

// Receive runs on lane 0.
func (l *Listener) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		l.start(ctx)
	case messages.Arrived:
		l.admit(ctx)
	case *actor.Terminated:
		l.bury(ctx, m.Who)
	case *messages.Drain:
		l.drain(ctx)
	case *messages.EndAll:
		l.endAll(ctx)
	case *messages.EndSession:
		l.endSession(ctx, m.ID)
	case *messages.ListSessions, *messages.DescribeTree:
		l.hub.count(ctx.Sender(), ctx.Message(), l.describe())
	case *messages.Fail:
		panic(m.Reason)
	case *actor.Stopping:
		l.hub.guarded(PointStopping, ctx.Self(), nil)
		l.draining = ending
		l.close()
	case *actor.Stopped:
		l.hub.guarded(PointStopped, ctx.Self(), nil)
		l.hub.publish(messages.ListenerClosed{Sessions: l.hub.served})
		l.hub.finish()
	case *actor.Restarting:
		// The guardian never restarts.
	default:
		l.hub.unknown(ctx)
	}
}

func (l *Listener) start(ctx actor.Context) {
	l.hub.listener = ctx.Self()
	l.spawnAcceptor(ctx)
	if l.hub.cfg.Chaos > 0 {
		l.hub.dice = newDice(l.hub.cfg.ChaosSeed)
		l.spawnChaos(ctx)
	}
	l.hub.fault(PointStarted, ctx.Self())
	l.announce()
}

// announce says once that clients may come. If the start was cut short by a panic, the bell that the guardian rings says it.
func (l *Listener) announce() {
	if !l.announced && l.draining == serving {
		l.announced = true
		l.hub.publish(messages.ListenerOpened{Addr: wire.LocalAddr(l.hub.fd), Destination: l.hub.cfg.destination()})
	}
}

func (l *Listener) spawnAcceptor(ctx actor.Context) {
	pid, err := ctx.SpawnNamed(actor.PropsFromProducer(func() actor.Actor { return &Acceptor{l.hub} },
		actor.WithMailbox(func() actor.Mailbox {
			l.hub.acceptorBox = newMailbox(&connection{lane: l.hub.lanes[0]})
			return l.hub.acceptorBox
		})), "acceptor")
	if err != nil {
		panic(err)
	}
	l.hub.acceptor = pid
}

func (l *Listener) spawnChaos(ctx actor.Context) {
	pid, err := ctx.SpawnNamed(actor.PropsFromProducer(func() actor.Actor { return &Chaos{l.hub, l.hub.dice} },
		actor.WithMailbox(func() actor.Mailbox { return newMailbox(&connection{lane: l.hub.lanes[0]}) })), "chaos")
	if err != nil {
		panic(err)
	}
	l.hub.chaos = pid
}

// isHelper reports whether a child is one of those that serve the listener rather than a client.
func (l *Listener) isHelper(who *actor.PID) bool {
	return who.Equal(l.hub.acceptor) || l.hub.chaos != nil && who.Equal(l.hub.chaos)
}

// dismiss stops the helpers: nobody is let in any more.
func (l *Listener) dismiss(ctx actor.Context) {
	ctx.Stop(l.hub.acceptor)
	if l.hub.chaos != nil {
		ctx.Stop(l.hub.chaos)
	}
}

// admit spawns a session for each client in the lobby. A client leaves the lobby in one step with becoming a session's, so whichever
// side of it a crash falls on, its socket has one owner.
func (l *Listener) admit(ctx actor.Context) {
	h := l.hub
	l.announce()
	for len(h.lobby) > 0 {
		h.fault(PointBeforeSpawn, ctx.Self())
		a := h.lobby[0]
		h.lobby = h.lobby[1:]
		if l.draining != serving {
			wire.ResetDescriptor(a.fd)
			continue
		}
		h.served++
		h.live.Add(1)
		c := &connection{id: h.served, lane: h.lanes[h.served%uint64(len(h.lanes))], fd: int32(a.fd)}
		c.peer[client] = a.from
		h.lanes[0].arriving = c
		if _, err := ctx.SpawnNamed(c.lane.session, "session-"+strconv.FormatUint(c.id, 10)); err != nil {
			h.live.Add(-1)
			wire.ResetDescriptor(a.fd)
		}
		h.lanes[0].arriving = nil
		h.fault(PointAfterSpawn, ctx.Self())
	}
	h.lobby = nil
}

// bury notes the end of a session, or replaces a helper that somebody stopped.
func (l *Listener) bury(ctx actor.Context, who *actor.PID) {
	h := l.hub
	if l.isHelper(who) {
		if l.draining == serving {
			h.failed(who, errStopped, "helper", actor.RestartDirective)
			if who.Equal(h.acceptor) {
				l.spawnAcceptor(ctx)
			} else {
				l.spawnChaos(ctx)
			}
		}
	} else {
		delete(l.failures, who.Id)
		h.live.Add(-1)
		if h.paused {
			h.send(h.acceptor, messages.Readable{})
		}
	}
	l.leaveIfLast(ctx)
}

// drain closes the listening socket and lets the sessions run on for a while.
func (l *Listener) drain(ctx actor.Context) {
	if l.draining != serving {
		return
	}
	l.draining = draining
	l.close()
	l.dismiss(ctx)
	limit := l.hub.cfg.DrainTimeout
	l.hub.publish(messages.ListenerDraining{Sessions: int(l.hub.live.Load()), Timeout: limit})
	l.hub.lanes[0].loop.Arm(&l.deadline, limit, runner(func() { l.hub.send(l.hub.listener, &messages.EndAll{}) }))
}

// endAll ends every session now.
func (l *Listener) endAll(ctx actor.Context) {
	if l.draining == ending {
		return
	}
	l.close()
	if l.draining == serving {
		l.dismiss(ctx)
	}
	l.draining = ending
	for _, child := range ctx.Children() {
		if !l.isHelper(child) {
			ctx.Send(child, &messages.End{Cause: messages.CauseShutdown})
		}
	}
	l.leaveIfLast(ctx)
}

// leaveIfLast stops the listener when it has been told to go and nobody is left.
func (l *Listener) leaveIfLast(ctx actor.Context) {
	if l.draining != serving && len(ctx.Children()) == 0 {
		ctx.Stop(ctx.Self())
	}
}

// close closes the listening socket, and resets clients that nobody has served yet.
func (l *Listener) close() {
	h := l.hub
	h.lanes[0].loop.Disarm(&l.helperPause)
	h.lanes[0].loop.Disarm(&l.deadline)
	if h.fd >= 0 {
		if h.listening.IsOpen() {
			h.listening.Close()
		} else {
			wire.CloseDescriptor(h.fd)
		}
		h.fd = -1
	}
	for _, a := range h.lobby {
		wire.ResetDescriptor(a.fd)
	}
	h.lobby = nil
}

func (l *Listener) endSession(ctx actor.Context, id uint64) {
	pid := actor.NewPID(ctx.Self().Address, ctx.Self().Id+"/session-"+strconv.FormatUint(id, 10))
	_, found := l.hub.system.ProcessRegistry.Get(pid)
	if found {
		ctx.Send(pid, &messages.End{Cause: messages.CauseEnded})
	}
	if ctx.Sender() != nil {
		ctx.Respond(messages.EndSessionReply{Found: found})
	}
}

// restartLater restarts a helper that keeps failing, after a pause, so that a lasting defect does not burn the processor.
func (l *Listener) restartLater(s actor.Supervisor, who *actor.PID) {
	l.hub.lanes[0].loop.Arm(&l.helperPause, backoffCap, runner(func() {
		if l.isHelper(who) && l.draining == serving {
			s.RestartChildren(who)
		}
	}))
}

// runner is a function as a wire.Runner.
type runner func()

// Run calls it.
func (r runner) Run() { r() }
