//go:build linux

package survive

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tcpproxy/test/fault"
)

// order is what a client asks the destination for, in the first bytes that it sends.
type order struct {
	Seed     uint64
	Up, Down uint32 // bytes in each direction, after this order
	Size     uint32 // of each write
	Turns    uint32 // 0 = both directions at once, each ends when it has sent all; else so many round trips of Size bytes before that
}

// destination is the server behind the proxy. It sends what it is asked for, and checks what it gets.
type destination struct {
	t        *testing.T
	listener *net.TCPListener
	serving  sync.WaitGroup
	mu       sync.Mutex
	verdicts map[uint64]chan error // by seed: how its end of a connection went
	accepted atomic.Int64
}

func startDestination(t *testing.T) *destination {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &destination{t: t, listener: l.(*net.TCPListener), verdicts: map[uint64]chan error{}}
	d.serving.Go(func() {
		for {
			c, err := d.listener.AcceptTCP()
			if err != nil {
				return
			}
			d.accepted.Add(1)
			d.serving.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		d.serving.Wait()
	})
	return d
}

func (d *destination) addr() string { return d.listener.Addr().String() }

// verdict is where the destination says how the connection with that seed went.
func (d *destination) verdict(seed uint64) chan error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.verdicts[seed]
	if c == nil {
		c = make(chan error, 1)
		d.verdicts[seed] = c
	}
	return c
}

func (d *destination) serve(c *net.TCPConn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	var o order
	if err := binary.Read(c, binary.BigEndian, &o); err != nil {
		return // a client that connected in vain, or only to see whether somebody listens
	}
	d.verdict(o.Seed) <- o.play(c, o.Seed+1, o.Seed, int(o.Down), int(o.Up), false)
}

// patience is how long a connection may take. It only runs out when a test fails.
const patience = 60 * time.Second

// play sends and receives; first says whether this end begins a round trip.
func (o *order) play(c *net.TCPConn, sends, receives uint64, send, receive int, first bool) error {
	out, in := fault.NewStream(sends), fault.NewStream(receives)
	for range o.Turns {
		for step := range 2 {
			var err error
			if first == (step == 0) {
				err = out.Send(c, int(o.Size))
			} else {
				err = in.Expect(c, int(o.Size))
			}
			if err != nil {
				return fmt.Errorf("round trip: %w", err)
			}
		}
	}
	sent := make(chan error, 1)
	go func() {
		var err error
		for left := send; left > 0 && err == nil; left -= int(o.Size) {
			err = out.Send(c, min(left, int(o.Size)))
		}
		if err == nil {
			err = c.CloseWrite()
		}
		sent <- err
	}()
	err := in.Expect(c, receive)
	if err == nil {
		err = in.ExpectEnd(c)
	}
	if err != nil {
		c.Close() // ends the sending, too
		<-sent
		return fmt.Errorf("after %d of %d bytes: %w", in.At(), receive, err)
	}
	if err := <-sent; err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return nil
}

// exchange makes a connection through the proxy and plays both ends; it returns what went wrong at either.
func (d *destination) exchange(addr string, o order) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if err := binary.Write(c, binary.BigEndian, &o); err != nil {
		return fmt.Errorf("sending the order: %w", err)
	}
	if err := o.play(c.(*net.TCPConn), o.Seed, o.Seed+1, int(o.Up), int(o.Down), true); err != nil {
		return fmt.Errorf("at the client: %w", err)
	}
	select {
	case err := <-d.verdict(o.Seed):
		if err != nil {
			return fmt.Errorf("at the server: %w", err)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the server saw no end")
	}
}
