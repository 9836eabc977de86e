package actors

import (
	"syscall"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/actors/survival"
	"tcpproxy/messages"
)

// Writer moves bytes from the flow into one side's socket, and passes on the end of the stream. It writes when the flow was filled
// and when its socket has space again. Supervised by its session.
type Writer struct{ *child }

// Receive runs on the lane's goroutine.
func (w Writer) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case messages.Filled, messages.Writable:
		w.drain()
	default:
		if !w.lifecycle(ctx, w.refresh) {
			w.conn.endpoint.unknown(ctx)
		}
	}
}

// refresh looks at everything, since whatever got lost with the last incarnation is not told again. It rings those whom that one may
// have owed a bell: the reader, that the flow is empty, and the session, that the stream has been passed on. The first incarnation
// owes nobody anything.
func (w Writer) refresh(first bool) {
	if first && !w.conn.restored() {
		return
	}
	w.drain()
	w.conn.child(w.role.partner()).ring(drained)
	w.conn.session.ring(review)
}

func (w Writer) drain() {
	c, side := w.conn, w.side()
	if !c.state.relays() {
		return
	}
	from := side.other()
	f := &c.flow[from]
	held := f.Held()
	if held {
		w.fault(PointBeforeWrite)
	}
	before := f.Moved()
	var between func()
	if c.endpoint.cfg.Fault != nil {
		between = func() { w.fault(PointBetweenWrites) }
	}
	did, errno := f.Drain(&c.socket[side], between)
	if moved := f.Moved() - before; moved > 0 {
		c.note(from)
		c.endpoint.moved[from].Add(moved)
	}
	if held && (did == wire.DrainDone || did == wire.DrainWanted) {
		w.fault(PointAfterWrite)
	}
	switch did {
	case wire.DrainWanted:
		c.child(w.role.partner()).ring(drained)
	case wire.DrainEnd:
		w.shutdown(from)
	case wire.DrainFailed:
		w.cut(from, errno)
	case wire.DrainDone, wire.DrainBlocked:
		// The reader will ring, or the loop will.
	}
}

// shutdown passes on the end of the stream; the other direction lives on. A stream that was reset has no orderly end to pass on, and
// when both directions are over the session closes the sockets, which says the same with one system call less.
func (w Writer) shutdown(from side) {
	c := w.conn
	if c.shut[from] {
		return
	}
	back := from.other()
	closing := c.over(back) && !c.flow[back].IsCut()
	if c.failed[from] == 0 && !closing {
		w.fault(PointBeforeShutdown)
		c.mark(survival.MarkShutUp << from)
		wire.Seam("shut: noted")
		c.socket[w.side()].ShutdownWrite()
	}
	wire.Seam("shut: done")
	c.shut[from] = true
	w.fault(PointAfterShutdown)
	c.session.ring(review)
}

// cut drops the flow: its sink takes nothing any more. What this side has sent before is still read and delivered. A sink that was
// reset is remembered, since after telling us once the system claims an orderly end; EPIPE follows an orderly end.
func (w Writer) cut(from side, errno syscall.Errno) {
	c, side := w.conn, w.side()
	if errno != syscall.EPIPE {
		c.fail(side, errnum(errno))
	}
	if c.err == nil {
		c.err = errno
	}
	c.cut(from)
	c.child(w.role.partner()).ring(drained)
	c.child(readerOf(side)).ring(readable)
	c.session.ring(review)
}
