//go:build linux

package survive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// listener accepts connections until the end of the test, and has each served by a function, in a goroutine of its own.
type listener struct{ net.Listener }

func (l listener) addr() string { return l.Addr().String() }

func startListener(t *testing.T, serve func(c *net.TCPConn)) listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				serve(c.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return listener{l}
}

// startEcho starts a server that sends back what it gets. It takes little for each connection: there may be thousands.
func startEcho(t *testing.T) listener {
	return startListener(t, func(c *net.TCPConn) {
		for buffer := make([]byte, 512); ; {
			n, err := c.Read(buffer)
			if _, failed := c.Write(buffer[:n]); err != nil || failed != nil {
				return
			}
		}
	})
}

// A request is a number, a length, and as many bytes; the answer to it has the number and a checksum of all that the connection has brought
// so far. So a byte that is lost, repeated or another's shows in the next answer.
type request struct {
	Number uint64
	Length uint32
}

type answer struct {
	Number uint64
	Sum    uint32
}

// startTeller starts the server that answers requests.
func startTeller(t *testing.T) listener {
	return startListener(t, func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		var so answer
		for {
			var r request
			if binary.Read(in, binary.BigEndian, &r) != nil {
				return
			}
			body := make([]byte, r.Length)
			if _, err := io.ReadFull(in, body); err != nil {
				return
			}
			so = answer{r.Number, crc32.Update(so.Sum^uint32(r.Number), crc32.IEEETable, body)}
			if binary.Write(c, binary.BigEndian, &so) != nil {
				return
			}
		}
	})
}

// ask has clients send requests over connections that each opens and closes all the time.
func ask(addr string, clients int, seed uint64, deadline time.Time) (did string, err error) {
	var asking sync.WaitGroup
	var connections, requests atomic.Int64
	errs := make([]error, clients)
	for i := range clients {
		asking.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for errs[i] == nil && time.Now().Before(deadline) {
				var n int
				n, errs[i] = askSome(addr, random)
				requests.Add(int64(n))
				connections.Add(1)
			}
		})
	}
	asking.Wait()
	return fmt.Sprintf("%d over %d connections", requests.Load(), connections.Load()), errors.Join(errs...)
}

// askSome sends some requests over one connection, mostly the next one after the answer to the last, and sometimes several at once.
func askSome(addr string, random *rand.Rand) (n int, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	sum := uint32(0)
	for most := 1 + random.IntN(100); n < most; {
		var out bytes.Buffer
		var want []answer
		for range 1 + random.IntN(4)/3*random.IntN(20) {
			body := make([]byte, random.IntN(300))
			for i := range body {
				body[i] = byte(random.Uint32())
			}
			r := request{random.Uint64(), uint32(len(body))}
			_ = binary.Write(&out, binary.BigEndian, &r)
			out.Write(body)
			sum = crc32.Update(sum^uint32(r.Number), crc32.IEEETable, body)
			want = append(want, answer{r.Number, sum})
		}
		if _, err := c.Write(out.Bytes()); err != nil {
			return n, err
		}
		for _, w := range want {
			var got answer
			if err := binary.Read(c, binary.BigEndian, &got); err != nil {
				return n, fmt.Errorf("request %d of a connection: %w", n+1, err)
			}
			if got != w {
				return n, fmt.Errorf("request %d of a connection: got %x, want %x", n+1, got, w)
			}
			n++
		}
	}
	return n, c.(*net.TCPConn).CloseWrite()
}

// idleSessions are connections through a proxy to a server that echoes.
type idleSessions []net.Conn

// openIdle opens them, and uses each once, so that it is known to be a session.
func openIdle(t *testing.T, addr string, n int) (all idleSessions) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		all = append(all, c)
		if err := echoes(c, 0); err != nil { // before the next one: the destination's backlog is not endless
			t.Fatal(err)
		}
	}
	return all
}

// use sends a byte each way over every one.
func (all idleSessions) use(t *testing.T) {
	t.Helper()
	for i, c := range all {
		if err := echoes(c, byte(i)); err != nil {
			t.Errorf("session %d: %v", i+1, err)
		}
	}
}

// echoes sends a byte and expects it back.
func echoes(c net.Conn, b byte) error {
	_ = c.SetDeadline(time.Now().Add(patience))
	got := make([]byte, 2)
	if _, err := c.Write([]byte{b}); err != nil {
		return err
	}
	switch n, err := c.Read(got); {
	case err != nil:
		return err
	case n != 1 || got[0] != b:
		return fmt.Errorf("got % x back, want %x", got[:n], b)
	}
	return nil
}

func (all idleSessions) close() {
	for _, c := range all {
		c.Close()
	}
}
