package actors

import (
	"syscall"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// Reader moves bytes from one side's socket into the flow to the other side. It reads once per message: with Readable after an
// edge, with Drained after it found the flow full. Supervised by its session.
type Reader struct{ *member }

// Receive runs on the lane's goroutine.
func (r Reader) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case messages.Readable, messages.Drained:
		r.fill()
	default:
		if !r.lifecycle(ctx, r.pickUp) {
			r.conn().lane.hub.unknown(ctx)
		}
	}
}

// pickUp looks at everything, since whatever came before the first incarnation, or got lost with the last one, is not told again. It
// rings those whom the last one may have owed a bell: the writer, that there are bytes, and the session, that the stream has ended.
func (r Reader) pickUp(first bool) {
	if first && r.conn().early[r.side]&wire.Readable == 0 {
		return // nothing has been told yet; what comes will be
	}
	if f := &r.conn().flow[r.side]; f.Held() || f.Ended() {
		r.ring(r.role.partner(), messages.Filled{})
		r.tell(messages.Review{})
	}
	r.fill()
}

func (r Reader) fill() {
	if !r.live() {
		return
	}
	c := r.conn()
	f := &c.flow[r.side]
	r.fault(PointBeforeRead)
	switch f.Fill(&c.socket[r.side]) {
	case wire.FillDone:
		c.note(r.side)
		r.fault(PointAfterRead)
		r.ring(r.role.partner(), messages.Filled{})
	case wire.FillEnd:
		r.end()
		r.watchForReset()
	case wire.FillFailed:
		c.failed[r.side] = c.socket[r.side].Failure()
		r.end()
	case wire.FillDropped:
		r.ring(r.role, messages.Readable{})
	case wire.FillFull, wire.FillDry:
		// The writer will ring, or the loop will.
	}
}

// end marks the end of the stream, for the writer to pass on, and for the session to see.
func (r Reader) end() {
	f := &r.conn().flow[r.side]
	if f.Ended() {
		return
	}
	r.fault(PointBeforeEnd)
	f.End()
	r.fault(PointAfterEnd)
	r.ring(r.role.partner(), messages.Filled{})
	r.tell(messages.Review{})
}

// watchForReset finds out that a side which has sent its FIN was reset afterwards: reading says "end of stream" as before. The loop
// calls the socket broken, which it also does when both directions have ended in good order; but then this side has been sent a FIN.
func (r Reader) watchForReset() {
	c := r.conn()
	if c.socket[r.side].IsBroken() && !c.shut[r.side.other()] && c.failed[r.side] == 0 {
		c.failed[r.side] = syscall.ECONNRESET
		r.tell(messages.Review{})
	}
}
