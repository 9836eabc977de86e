package naive

import (
	"errors"
	"net"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors"
)

// flush is what a writer tells itself when it has bytes.
type flush struct{}

// writer takes bytes into a field, in one message, and writes what is there, in the next.
type writer struct {
	session   *actor.PID
	reader    *actor.PID
	to        *net.TCPConn
	forwarder *Forwarder

	held []byte // and here
}

// Receive is called by the library.
func (w *writer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case chunk:
		w.held = append(w.held, m.bytes...)
		ctx.Send(ctx.Self(), flush{})
	case flush:
		w.flush(ctx)
	case end:
		w.flush(ctx)
		_ = w.to.CloseWrite()
		ctx.Send(w.session, finished{ctx.Self().Id})
	case again:
		ctx.Send(w.reader, read{}) // the last one may have owed it
	}
}

func (w *writer) flush(ctx actor.Context) {
	if len(w.held) == 0 {
		return
	}
	w.forwarder.strike(actors.PointBeforeWrite, ctx.Self())
	_, err := w.to.Write(w.held)
	w.held = nil
	w.forwarder.strike(actors.PointAfterWrite, ctx.Self())
	if err == nil {
		ctx.Send(w.reader, read{})
	} else if !errors.Is(err, net.ErrClosed) {
		ctx.Send(w.session, broken{err})
	}
}
