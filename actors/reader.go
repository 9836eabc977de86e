package actors

import (
	"syscall"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// Reader moves bytes from one side's socket into the flow to the other side. It reads once per message: with Readable after an
// edge, with Drained after it found the flow full. Supervised by its session.
type Reader struct{ *child }

// Receive runs on the lane's goroutine.
func (r Reader) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case messages.Readable, messages.Drained:
		r.fill()
	default:
		if !r.lifecycle(ctx, r.refresh) {
			r.conn.endpoint.unknown(ctx)
		}
	}
}

// refresh looks at everything, since whatever came before the first incarnation, or got lost with the last one, is not told again. It
// rings those whom the last one may have owed a bell: the writer, that there are bytes, and the session, that the stream has ended.
func (r Reader) refresh(first bool) {
	if first && !r.conn.restored() && r.conn.early[r.side()]&wire.Readable == 0 {
		return // nothing has been told yet; what comes will be
	}
	if f := &r.conn.flow[r.side()]; f.Held() || f.Ended() {
		r.conn.child(r.role.partner()).ring(filled)
		r.conn.session.ring(review)
	}
	r.fill()
}

func (r Reader) fill() {
	c, side := r.conn, r.side()
	if !c.state.relays() {
		return
	}
	f := &c.flow[side]
	r.fault(PointBeforeRead)
	switch f.Fill(&c.socket[side]) {
	case wire.FillDone:
		c.note(side)
		r.fault(PointAfterRead)
		c.child(r.role.partner()).ring(filled)
	case wire.FillEnd:
		r.end()
		r.watchForReset()
	case wire.FillFailed:
		wire.Seam("fill: failed")
		c.fail(side, errnum(c.socket[side].Failure()))
		r.end()
	case wire.FillDropped:
		r.ring(readable)
	case wire.FillFull, wire.FillDry:
		// The writer will ring, or the loop will.
	}
}

// end marks the end of the stream, for the writer to pass on, and for the session to see.
func (r Reader) end() {
	f := &r.conn.flow[r.side()]
	if f.Ended() {
		return
	}
	r.fault(PointBeforeEnd)
	f.End()
	r.fault(PointAfterEnd)
	r.conn.child(r.role.partner()).ring(filled)
	r.conn.session.ring(review)
}

// watchForReset finds out that a side which has sent its FIN was reset afterwards: reading says "end of stream" as before. The loop
// calls the socket broken, which it also does when both directions have ended in good order; but then this side has been sent a FIN.
func (r Reader) watchForReset() {
	c, side := r.conn, r.side()
	if c.socket[side].IsBroken() && !c.shut[side.other()] && c.failed[side] == 0 {
		c.fail(side, errnum(syscall.ECONNRESET))
		c.session.ring(review)
	}
}
