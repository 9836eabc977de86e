package test

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tcpproxy/test/fault"
)

// The kinds of traffic that the tests send through the proxy.

// stream is a connection through the proxy, both of its ends.
type stream struct {
	client, server *net.TCPConn
	pid            string // the session's
	seed           uint64
	bytes          int

	once   sync.Once
	mid    chan struct{} // closed when half of the bytes have arrived: from then on nobody goes on before the gate opens
	gate   chan struct{}
	opened atomic.Bool
}

func (s *stream) close() {
	s.client.Close()
	if s.server != nil {
		s.server.Close()
	}
}

// release opens the gate.
func (s *stream) release() {
	if s.opened.CompareAndSwap(false, true) {
		close(s.gate)
	}
}

// half is called when half of the bytes have arrived.
func (s *stream) half() { s.once.Do(func() { close(s.mid) }) }

// shape is a kind of traffic. Each end is played by a function that returns what it saw.
type shape struct {
	name           string
	bytes          int // how many, in the main direction
	client, server func(*stream) string
}

var shapes = []shape{
	{"upload", 192 << 10, (*stream).sendThenListen, (*stream).listenThenEnd},
	{"download", 192 << 10, (*stream).receiveThenEnd, (*stream).answerThenListen},
	{"ping-pong", 8 << 10, (*stream).ping, (*stream).pong},
	{"half-closed", 192 << 10, (*stream).request, (*stream).listenThenAnswer},
	{"stalled", 4 << 20, (*stream).stuff, (*stream).listenLate},
}

// run plays both ends and returns what each saw.
func (s *stream) run(sh shape) (client, server string) {
	var both sync.WaitGroup
	// An end that is over tells, too: it may have been cut off, and the test must not wait for more.
	both.Go(func() { client = sh.client(s); s.half() })
	both.Go(func() { server = sh.server(s); s.half() })
	both.Wait()
	return client, server
}

// The ends of the shapes. Whoever sends waits at the gate when half is sent, and whoever receives tells when half has arrived.

func (s *stream) sendThenListen() string {
	sent := s.send(s.client, s.bytes, true)
	return fault.Verdict(sent, s.receive(s.client, 0, nil))
}

// stuff sends until everything is full, tells so, and goes on. That everything is full shows in a write that does not get through: should
// the machine only have been slow, the row tests less, but nothing wrong.
func (s *stream) stuff() string {
	from, full := fault.NewStream(s.seed), false
	for left := s.bytes; left > 0; {
		rest := from.Next(min(32<<10, left))
		left -= len(rest)
		for len(rest) > 0 {
			if !full {
				_ = s.client.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			}
			n, err := s.client.Write(rest)
			rest = rest[n:]
			if errors.Is(err, os.ErrDeadlineExceeded) && !full {
				full = true
				s.half()
				_ = s.client.SetWriteDeadline(time.Now().Add(patience))
			} else if err != nil {
				if !full {
					s.half()
				}
				return fault.Verdict(err)
			}
		}
	}
	if !full {
		s.half()
	}
	return fault.Verdict(s.client.CloseWrite(), s.receive(s.client, 0, nil))
}

func (s *stream) listenThenEnd() string {
	got := s.receive(s.server, s.bytes, s.half)
	return fault.Verdict(got, s.server.CloseWrite())
}

// listenLate lets everything fill up first.
func (s *stream) listenLate() string {
	<-s.gate
	got := s.receive(s.server, s.bytes, nil)
	return fault.Verdict(got, s.server.CloseWrite())
}

func (s *stream) receiveThenEnd() string {
	got := s.receive(s.client, s.bytes, s.half)
	return fault.Verdict(got, s.client.CloseWrite())
}

func (s *stream) answerThenListen() string {
	sent := s.send(s.server, s.bytes, true)
	return fault.Verdict(sent, s.receive(s.server, 0, nil))
}

const requestBytes = 1 << 10

func (s *stream) request() string {
	sent := s.send(s.client, requestBytes, false)
	return fault.Verdict(sent, s.receive(s.client, s.bytes, s.half))
}

func (s *stream) listenThenAnswer() string {
	got := s.receive(s.server, requestBytes, nil)
	return fault.Verdict(got, s.send(s.server, s.bytes, true))
}

// pingBytes is a round's size in each direction.
const pingBytes = 256

func (s *stream) ping() string {
	out, in := fault.NewStream(s.seed), fault.NewStream(s.seed+1)
	rounds := s.bytes / pingBytes
	for i := range rounds {
		if i == rounds/2 {
			s.half()
			<-s.gate
		}
		if err := out.Send(s.client, pingBytes); err != nil {
			return fault.Verdict(err, s.receive(s.client, 0, nil))
		}
		if err := in.Expect(s.client, pingBytes); err != nil {
			return fault.Verdict(err)
		}
	}
	err := s.client.CloseWrite()
	return fault.Verdict(err, in.ExpectEnd(s.client))
}

func (s *stream) pong() string {
	in, out := fault.NewStream(s.seed), fault.NewStream(s.seed+1)
	for range s.bytes / pingBytes {
		if err := in.Expect(s.server, pingBytes); err != nil {
			return fault.Verdict(err)
		}
		if err := out.Send(s.server, pingBytes); err != nil {
			return fault.Verdict(err)
		}
	}
	end := in.ExpectEnd(s.server)
	return fault.Verdict(end, s.server.CloseWrite())
}

// send sends n bytes and the end of the stream. With wait it stops at the gate when half is sent.
func (s *stream) send(conn *net.TCPConn, n int, wait bool) error {
	from, sizes := fault.NewStream(s.seed), rand.New(rand.NewPCG(s.seed, 0))
	for left := n; left > 0; {
		size := min(1+int(sizes.Int32N(40<<10)), left)
		if wait && left > n/2 {
			size = min(size, left-n/2)
		}
		if err := from.Send(conn, size); err != nil {
			return err
		}
		if left -= size; wait && left == n/2 {
			<-s.gate
		}
	}
	return conn.CloseWrite()
}

// receive expects n bytes and the end of the stream; half, if given, is called when half has come.
func (s *stream) receive(conn *net.TCPConn, n int, half func()) error {
	want := fault.NewStream(s.seed)
	if half != nil {
		if err := want.Expect(conn, n/2); err != nil {
			half() // whoever waits must see the failure rather than wait
			return err
		}
		half()
		n -= n / 2
	}
	if err := want.Expect(conn, n); err != nil {
		return err
	}
	return want.ExpectEnd(conn)
}

// play runs a whole stream without stopping at the gate.
func (r *rig) play(sh shape, seed uint64, bytes int, rules func(pid string) []*fault.Rule) (s *stream, client, server string, err error) {
	if s, err = r.open(seed, bytes, rules); err != nil {
		return nil, "", "", err
	}
	defer s.close()
	s.release()
	client, server = s.run(sh)
	return s, client, server, nil
}

// started is a stream under way that has come to its gate.
type started struct {
	*stream
	ends chan [2]string
}

// begin opens a stream and runs it to its gate.
func (r *rig) begin(sh shape, seed uint64, rules func(pid string) []*fault.Rule) (*started, error) {
	s, err := r.open(seed, sh.bytes, rules)
	if err != nil {
		return nil, err
	}
	g := &started{s, make(chan [2]string, 1)}
	go func() {
		defer s.close()
		client, server := s.run(sh)
		g.ends <- [2]string{client, server}
	}()
	<-s.mid
	return g, nil
}

// finish opens the gate and returns what the ends saw.
func (g *started) finish() (client, server string) {
	g.release()
	ends := <-g.ends
	return ends[0], ends[1]
}
