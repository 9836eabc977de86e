//go:build linux

package survive

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/fault"
)

// order is what a client asks the destination for, in the first bytes that it sends.
type order struct {
	Seed     uint64
	Up, Down uint32 // bytes in each direction, after this order
	Size     uint32 // of each write
	Turns    uint32 // so many round trips of Size bytes come first; then both directions at once, each of which ends when all is sent
	Reset    uint32 // who resets the connection when it has received half of its bytes: resetsNobody, resetsClient, resetsServer
}

const (
	resetsNobody = iota
	resetsClient
	resetsServer
)

// errReset is what the end says that has reset the connection.
var errReset = errors.New("reset on purpose")

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
	d.verdict(o.Seed) <- o.play(c, o.Seed+1, o.Seed, int(o.Down), int(o.Up), false, o.Reset == resetsServer)
}

// patience is how long a connection may take. It only runs out when a test fails.
const patience = 60 * time.Second

// play sends and receives; first says whether this end begins a round trip, and resets whether it resets the connection.
func (o *order) play(c *net.TCPConn, sends, receives uint64, send, receive int, first, resets bool) error {
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
		if err == nil && o.Reset == resetsNobody {
			err = c.CloseWrite()
		}
		sent <- err
	}()
	if resets {
		err := in.Expect(c, receive/2)
		_ = c.SetLinger(0)
		c.Close()
		_ = errors.Join(<-sent) // it was cut short, or was not
		return cmp.Or(err, errReset)
	}
	err := in.Expect(c, receive)
	if err == nil {
		err = in.ExpectEnd(c)
	}
	if err != nil {
		c.Close() // ends the sending, too; a reset is told once, to whichever of the two comes first
		return fmt.Errorf("after %d of %d bytes: %w", in.At(), receive, errors.Join(err, <-sent))
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
	client := o.play(c.(*net.TCPConn), o.Seed, o.Seed+1, int(o.Up), int(o.Down), true, o.Reset == resetsClient)
	var server error
	select {
	case server = <-d.verdict(o.Seed):
	case <-time.After(patience):
		server = errors.New("no end came")
	}
	switch o.Reset {
	case resetsClient:
		client, server = asReset(client, server)
	case resetsServer:
		server, client = asReset(server, client)
	}
	if client != nil || server != nil {
		return fmt.Errorf("the client: %v; the server: %w", client, server)
	}
	return nil
}

// asReset says whether one end has reset the connection as it was to, and whether the other has been told that, after nothing but right
// bytes.
func asReset(one, other error) (error, error) {
	if errors.Is(one, errReset) {
		one = nil
	}
	if errors.Is(other, syscall.ECONNRESET) || errors.Is(other, syscall.EPIPE) {
		other = nil
	} else if other == nil {
		other = errors.New("an orderly end instead of a reset")
	}
	return one, other
}
