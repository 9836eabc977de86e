package actors

import (
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// Acceptor lets clients in, from the backlog into the lobby, and rings the listener. It holds nothing: killed at any point, its next
// incarnation carries on, and no client in the backlog notices. Supervised by the listener, beside the sessions rather than above
// them, because restarting a parent stops its children. On lane 0.
type Acceptor struct{ hub *hub }

// acceptAtOnce is how many clients are let in per turn.
const acceptAtOnce = 32

// acceptRetry is how long the acceptor waits when the system has no descriptor to give. A session that ends rings it sooner.
const acceptRetry = 100 * time.Millisecond

// Receive runs on lane 0.
func (a *Acceptor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		a.start(ctx)
		a.hub.fault(PointStarted, ctx.Self())
		a.watch(ctx)
	case messages.Readable, messages.Revive:
		a.accept(ctx)
	case *messages.Fail:
		panic(m.Reason)
	case *actor.Restarting:
		a.hub.guarded(PointRestarting, ctx.Self(), nil)
	case *actor.Stopping:
		a.hub.guarded(PointStopping, ctx.Self(), nil)
	case *actor.Stopped:
		a.hub.guarded(PointStopped, ctx.Self(), nil)
	default:
		a.hub.unknown(ctx)
	}
}

func (a *Acceptor) start(ctx actor.Context) {
	h := a.hub
	h.acceptor = ctx.Self()
	if h.acceptorLives++; h.acceptorLives > 1 {
		h.publish(messages.ActorRestarted{PID: h.acceptor.Id, Restarts: h.acceptorLives - 1})
	}
}

// watch has the loop watch the listening socket, unless the last incarnation has; then it lets in who waits, and rings for those whom
// that one may have let in without telling.
func (a *Acceptor) watch(ctx actor.Context) {
	h := a.hub
	if h.fd < 0 {
		return
	}
	if !h.listening.IsOpen() {
		if err := h.listening.Open(h.lanes[0].loop, h.fd, (*door)(h)); err != nil {
			panic(err)
		}
	}
	if len(h.lobby) > 0 {
		ctx.Send(h.listener, messages.Arrived{})
	}
	a.accept(ctx)
}

// accept lets in who waits, up to a bound, so that a storm of clients does not hold up the sessions.
func (a *Acceptor) accept(ctx actor.Context) {
	h := a.hub
	for range acceptAtOnce {
		if int(h.live.Load())+len(h.lobby) >= h.cfg.MaxSessions {
			a.pause("the limit of sessions is reached")
			return
		}
		if h.starving.Load() > 0 {
			a.wait(syscall.EMFILE)
			return
		}
		h.fault(PointBeforeAccept, ctx.Self())
		fd, from, errno := h.listening.Accept()
		switch verdictOnAccept(errno) {
		case acceptGood:
			h.lobby = append(h.lobby, arrival{fd, from})
			h.fault(PointAfterAccept, ctx.Self())
			ctx.Send(h.listener, messages.Arrived{})
		case acceptSkip:
		case acceptNone:
			a.resume()
			return
		case acceptWait:
			a.wait(errno)
			return
		}
		if h.paused || fd >= h.scarce {
			break // one at a time, so that each finds out whether there is a second descriptor for it
		}
	}
	ctx.Send(ctx.Self(), messages.Readable{})
}

// What an error of accept means. Nothing that accept can say ends the program.
type acceptVerdict uint8

const (
	acceptGood acceptVerdict = iota
	// acceptNone: nobody waits, or the socket is closed; the next client is a new edge.
	acceptNone
	// acceptSkip: this client is gone already, or its network failed (accept(2) passes on such errors); the next may be fine.
	acceptSkip
	// acceptWait: the system has nothing to give. Clients stay in the backlog until it has.
	acceptWait
)

func verdictOnAccept(errno syscall.Errno) acceptVerdict {
	switch {
	case errno == 0:
		return acceptGood
	case errno == syscall.EAGAIN, errno == syscall.EBADF, errno == syscall.EINVAL:
		return acceptNone
	case isShortage(errno):
		return acceptWait
	default:
		return acceptSkip
	}
}

// pause leaves clients in the backlog. Nothing spins: no event comes for them, and the next session that ends rings.
func (a *Acceptor) pause(reason string) {
	if h := a.hub; !h.paused {
		h.paused = true
		h.publish(messages.AcceptPaused{Reason: reason})
	}
}

// wait is a pause in which no session need end: the system may have something to give at any time.
func (a *Acceptor) wait(errno syscall.Errno) {
	h := a.hub
	a.pause(errno.Error())
	h.lanes[0].loop.Arm(&h.retry, acceptRetry, runner(func() { h.send(h.acceptor, messages.Readable{}) }))
}

// resume is for when the backlog is empty again, not for each single client that gets in: at the limit they do so one by one.
func (a *Acceptor) resume() {
	if h := a.hub; h.paused {
		h.paused = false
		h.publish(messages.AcceptResumed{})
	}
}

// door is the hub, seen from the listening socket.
type door hub

// Ready is told by the loop.
func (d *door) Ready(wire.Event) { (*hub)(d).send(d.acceptor, messages.Readable{}) }
