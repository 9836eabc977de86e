package naive

import (
	"errors"
	"io"
	"net"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors"
)

// The messages of a direction. In the proxy a message carries no bytes; here they are what it is for.
type (
	read     struct{}               // reader → itself, writer → reader: there is room for more
	handOver struct{}               // reader → itself: it has bytes
	chunk    struct{ bytes []byte } // reader → writer
	end      struct{}               // reader → writer: there will be no more
)

// reader reads into a field, in one message, and hands over what is there, in the next. If it fails between the two, the field goes with
// it: the bytes have left the socket, and have reached nobody.
type reader struct {
	session, writer *actor.PID
	from            *net.TCPConn
	forwarder       *Forwarder

	held []byte // here they are lost
}

// Receive is called by the library.
func (r *reader) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case read, again:
		r.read(ctx)
	case handOver:
		if len(r.held) > 0 {
			ctx.Send(r.writer, chunk{r.held})
			r.held = nil
		}
	}
}

// read waits for bytes, on its own goroutine, as if it were alone.
func (r *reader) read(ctx actor.Context) {
	buffer := make([]byte, 16<<10)
	n, err := r.from.Read(buffer)
	if n > 0 {
		r.held = append(r.held, buffer[:n]...)
		r.forwarder.strike(actors.PointAfterRead, ctx.Self())
		ctx.Send(ctx.Self(), handOver{})
		return
	}
	switch {
	case err == io.EOF:
		ctx.Send(r.writer, end{})
	case !errors.Is(err, net.ErrClosed):
		ctx.Send(r.session, broken{err})
	}
}
