package actors

import (
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// Acceptor lets clients in from the backlog, and rings the listener. It holds nothing: killed at any point, its next incarnation
// carries on, and no client in the backlog notices. Supervised by the listener, beside the sessions rather than above
// them, because restarting a parent stops its children.
type Acceptor struct{ *endpoint }

// acceptAtOnce is how many clients are let in per turn.
const acceptAtOnce = 32

// acceptRetry is how long the acceptor waits when the system has no descriptor to give, or when another listener's session must end to
// make room. A session of its own listener that ends rings it sooner.
const acceptRetry = 100 * time.Millisecond

// Receive runs on the lane's goroutine.
func (a *Acceptor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		a.acceptor.begin(a.endpoint, ctx.Self())
		a.watch(ctx)
	case messages.Readable, messages.Revive:
		a.accept(ctx)
	case *messages.Fail:
		fail(m)
	case *actor.Restarting:
		a.guard(PointRestarting, ctx.Self(), nil)
	case *actor.Stopping:
		a.guard(PointStopping, ctx.Self(), nil)
	case *actor.Stopped:
		a.guard(PointStopped, ctx.Self(), nil)
	default:
		a.unknown(ctx)
	}
}

// watch has the loop watch the listening socket, unless the last incarnation has; then it lets in who waits, and rings for those whom
// that one may have let in without telling.
func (a *Acceptor) watch(ctx actor.Context) {
	if a.fd < 0 {
		return
	}
	if !a.socket.IsOpen() {
		if err := a.socket.Open(a.lane.loop, a.fd, a.endpoint); err != nil {
			panic(err)
		}
	}
	if len(a.accepted) > 0 {
		a.listener.ring(arrived)
	}
	a.accept(ctx)
}

// accept lets in who waits, up to a bound, so that a storm of clients does not hold up the sessions.
func (a *Acceptor) accept(ctx actor.Context) {
	for range acceptAtOnce {
		if a.shared.live()+len(a.accepted) >= a.cfg.MaxSessions {
			a.waitForRoom()
			return
		}
		if a.descriptors.starving.Load() > 0 {
			a.wait(syscall.EMFILE)
			return
		}
		a.fault(PointBeforeAccept, ctx.Self())
		fd, from, errno := a.socket.Accept()
		switch verdictOnAccept(errno) {
		case acceptGood:
			wire.Seam("accept: accepted")
			to := a.roomiest()
			if to != a.endpoint {
				a.handOver(to, arrival{fd, from})
				continue
			}
			a.accepted = append(a.accepted, arrival{fd, from})
			a.fault(PointAfterAccept, ctx.Self())
			a.listener.ring(arrived)
		case acceptSkip:
		case acceptNone:
			a.resume()
			return
		case acceptWait:
			a.wait(errno)
			return
		}
		if a.paused || fd >= a.descriptors.scarce {
			break // one at a time, so that each finds out whether there is a second descriptor for it
		}
	}
	a.acceptor.ring(readable)
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

// pause leaves clients in the backlog. Nothing spins: no event comes for them.
func (a *Acceptor) pause(reason string) {
	if !a.paused {
		a.paused = true
		publish(a.endpoint, messages.AcceptPaused{Listener: a.name, Reason: reason})
	}
}

// waitForRoom is a pause until a session ends. One of this listener's rings; other listeners' do not.
func (a *Acceptor) waitForRoom() {
	a.pause("the limit of sessions is reached")
	if len(a.endpoints) > 1 {
		a.tryLater()
	}
}

// wait is a pause in which no session need end: the system may have something to give at any time.
func (a *Acceptor) wait(errno syscall.Errno) {
	a.pause(errno.Error())
	a.tryLater()
}

func (a *Acceptor) tryLater() {
	a.lane.loop.Arm(&a.retry, acceptRetry, runner(func() { a.acceptor.ring(readable) }))
}

// resume is for when the backlog is empty again, not for each single client that gets in: at the limit they do so one by one.
func (a *Acceptor) resume() {
	if a.paused {
		a.paused = false
		publish(a.endpoint, messages.AcceptResumed{Listener: a.name})
	}
}
