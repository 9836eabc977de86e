package demo

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// relay is a proxy of the plainest kind, which counts.
type relay struct {
	net.Listener
	accepted    atomic.Int64
	up, down    atomic.Int64
	halfClosed  atomic.Int64 // connections whose client has closed its half
	connections chan net.Conn
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: listener, connections: make(chan net.Conn, 100)}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			r.accepted.Add(1)
			r.connections <- client
			go func() {
				_, _ = io.Copy(server, io.TeeReader(client, counter{&r.up}))
				r.halfClosed.Add(1)
				_ = server.(*net.TCPConn).CloseWrite()
			}()
			go func() {
				_, _ = io.Copy(client, io.TeeReader(server, counter{&r.down}))
				_ = client.Close()
				_ = server.Close()
			}()
		}
	}()
	return r
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// await returns once it holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// The three clients come, bytes flow, one has closed its half and is served nevertheless; whoever is cut off comes again; and all leave.
func TestTraffic(t *testing.T) {
	r := newRelay(t, start(t).Addr().String())
	traffic := NewTraffic()
	t.Cleanup(traffic.Stop)
	traffic.Start(r.Addr().String())
	await(t, "three clients", func() bool { return r.accepted.Load() == 3 })
	await(t, "a half-closed one", func() bool { return r.halfClosed.Load() == 1 })
	seen, asked := r.down.Load(), r.up.Load()
	await(t, "bytes", func() bool { return r.down.Load() > seen+1<<20 && r.up.Load() > asked+200 })
	for range 3 {
		_ = (<-r.connections).Close()
	}
	await(t, "their return", func() bool { return r.accepted.Load() == 6 })
	traffic.Leave()
	traffic.Stop()
	if n := r.accepted.Load(); n != 6 {
		t.Errorf("%d connections, want 6", n)
	}
}

// Where nobody listens they try again, and can be stopped all the same; and they need not be started at all.
func TestTrafficWithoutProxy(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	traffic := NewTraffic()
	traffic.Start(listener.Addr().String())
	traffic.Stop()
	NewTraffic().Stop()
}

// The steady page is paced: neither a trickle nor as fast as can be.
func TestSteadyPace(t *testing.T) {
	body, begun := get(t, start(t), "/~rtm/steady").Body, time.Now()
	if _, err := io.CopyN(io.Discard, body, 2<<20); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 400*time.Millisecond || took > 10*time.Second {
		t.Errorf("2 MiB took %v", took)
	}
}

// One who has closed its half is still served, and Close ends that, too.
func TestHalfClosedIsServed(t *testing.T) {
	s := start(t)
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := request(conn, "/~rtm/drip", "close"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.CopyN(io.Discard, conn, int64(4*len(line))); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := io.Copy(io.Discard, conn); err != nil && isTimeout(err) {
		t.Errorf("the server is closed, and its page goes on: %v", err)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}
