package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// origin is the destination of a run. It hands over the connections that it is asked for, and returns on all others what it gets.
type origin struct {
	listener *net.TCPListener
	arrivals chan *net.TCPConn
	wanted   atomic.Int32
	serving  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[*net.TCPConn]bool
}

func newOrigin() (*origin, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the destination: %w", err)
	}
	o := &origin{listener: l.(*net.TCPListener), arrivals: make(chan *net.TCPConn, 1), open: map[*net.TCPConn]bool{}}
	o.serving.Go(o.accept)
	return o, nil
}

func (o *origin) port() uint16 { return o.listener.Addr().(*net.TCPAddr).AddrPort().Port() }

func (o *origin) accept() {
	for {
		c, err := o.listener.AcceptTCP()
		if err != nil {
			return
		}
		o.mu.Lock()
		if o.closed {
			o.mu.Unlock()
			_ = c.Close()
			return
		}
		o.open[c] = true
		o.mu.Unlock()
		if o.wanted.CompareAndSwap(1, 0) {
			o.arrivals <- c
			continue
		}
		o.serving.Go(func() {
			_, _ = io.Copy(struct{ io.Writer }{c}, c)
			_ = c.Close()
			o.mu.Lock()
			delete(o.open, c)
			o.mu.Unlock()
		})
	}
}

// connect dials the forwarder, and returns both ends. gone, if it is closed, says that the connection will not come to be.
func (o *origin) connect(ctx context.Context, addr string, gone <-chan struct{}) (client, server *net.TCPConn, err error) {
	o.wanted.Store(1)
	client, err = dial(ctx, addr)
	if err != nil {
		return nil, nil, err
	}
	timer := time.NewTimer(opening)
	defer timer.Stop()
	select {
	case server = <-o.arrivals:
		return client, server, nil
	case <-gone:
		err = errGone
	case <-timer.C:
		err = fmt.Errorf("the forwarder has not reached the destination within %v", opening)
	case <-ctx.Done():
		err = ctx.Err()
	}
	o.wanted.Store(0)
	return client, nil, err
}

func dial(ctx context.Context, addr string) (*net.TCPConn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// close closes everything that is open, and waits until nobody is left.
func (o *origin) close() {
	_ = o.listener.Close()
	o.mu.Lock()
	o.closed = true
	for c := range o.open {
		_ = c.Close()
	}
	o.mu.Unlock()
	o.serving.Wait()
}
