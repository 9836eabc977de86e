package test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// havocKills is how many kills each strategy must survive.
const havocKills = 2500

// TestHavoc kills actors of every kind at random, thousands a second, under many streams of all shapes. No byte may be lost, no stream
// may stick, no actor may be left. With HAVOC_SEED=n in the environment it uses the seed of an earlier run again.
func TestHavoc(t *testing.T) {
	seed := seedOf(t, "HAVOC_SEED")
	total := 0
	for i, strategy := range []string{"one-for-one", "all-for-one", "rest-for-one", "backoff", "resume", "escalate"} {
		t.Run(strategy, func(t *testing.T) { total += havoc(t, strategy, seed+uint64(i)) })
	}
	t.Logf("%d kills in all", total)
	if total < 10_000 && !t.Failed() {
		t.Errorf("%d kills, want 10,000", total)
	}
}

func havoc(t *testing.T, strategy string, seed uint64) int {
	// Within is short because of backoff: what failed long ago must not make delays grow to their cap.
	r := newRig(t, actors.Config{Supervision: strategy, MaxRestarts: never, Within: 20 * time.Millisecond})
	var stops atomic.Int64
	stop := func(k fault.Kill) { stops.Add(1); fault.Stop(r.proxy.System(), k.Who) }
	for _, who := range []string{"listener", "listener/acceptor", "listener/session-*", "listener/session-*/*"} {
		r.plan.Add(fault.Random(seed, 0.08, who))
	}
	for _, who := range []string{"listener", "listener/acceptor", "listener/session-*", "listener/session-*/*"} {
		r.plan.Add(fault.Random(seed+1, 0.02, who).Do(stop))
	}
	begun := time.Now()
	var streams atomic.Int64
	var workers sync.WaitGroup
	for w := range 40 {
		workers.Go(func() {
			for n := uint64(w); r.plan.Killed() < havocKills && !t.Failed(); n += 40 {
				sh := shapes[n%4] // the stalled ones would only wait
				_, client, server, err := r.play(sh, seed+n, sh.bytes, nil)
				if err != nil || client != fault.Intact || server != fault.Intact {
					t.Errorf("seed %d, %s: the client saw: %s, the server saw: %s; %v", seed, sh.name, client, server, err)
					return
				}
				streams.Add(1)
			}
		})
	}
	workers.Wait()
	// The streams that are over have all ended in good order.
	if err := r.await("all sessions were closed", func(s *fault.Seen) bool { return len(s.Closed) >= len(s.Opened) }); err != nil {
		t.Error(err)
	}
	r.watch.See(func(s *fault.Seen) {
		for pid, e := range s.Closed {
			if e.Cause != messages.CauseFinished {
				t.Errorf("%s ended with cause %v: %v", pid, e.Cause, e.Err)
			}
		}
	})
	took := time.Since(begun)
	killed := r.plan.Killed()
	t.Logf("%d kills (%d of them stops) in %v, %.0f a second, under %d streams",
		killed, stops.Load(), took.Round(time.Millisecond), float64(killed)/took.Seconds(), streams.Load())
	return killed
}

// TestHavocSeesALoss plants the losses that havoc looks for, between the proxy and the destination: one byte lost, one repeated, two
// swapped. Without it, "zero bytes lost" might mean that nobody looked.
func TestHavocSeesALoss(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"lost":     func(b []byte) []byte { return append(b[:len(b)/2:len(b)/2], b[len(b)/2+1:]...) },
		"repeated": func(b []byte) []byte { return append(b[:len(b)/2+1:len(b)/2+1], b[len(b)/2:]...) },
		"swapped": func(b []byte) []byte {
			b[0], b[len(b)-1] = b[len(b)-1], b[0]
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, sh := range []shape{shapes[0], shapes[1]} {
				r := newRig(t, actors.Config{})
				s, err := r.open(7, sh.bytes, nil)
				if err != nil {
					t.Fatal(err)
				}
				// The faulty peer stands between the proxy and the real one.
				near, far := s.server, (*net.TCPConn)(nil)
				s.server, far = pair(t)
				var relays sync.WaitGroup
				relays.Go(func() { relay(far, near, spoil) })
				relays.Go(func() { relay(near, far, spoil) })
				s.release()
				client, server := s.run(sh)
				s.close()
				near.Close()
				far.Close()
				relays.Wait()
				if client == fault.Intact && server == fault.Intact {
					t.Errorf("%s: a byte was %s, and nobody noticed", sh.name, name)
				}
			}
		})
	}
}

// relay copies, and spoils its third read, or the last one if there are fewer.
func relay(to, from *net.TCPConn, spoil func([]byte) []byte) {
	defer func() { _ = to.CloseWrite() }()
	b := make([]byte, 4<<10)
	for i := 0; ; i++ {
		n, err := from.Read(b)
		out := b[:n]
		if i == 2 && n > 2 {
			out = spoil(out)
		}
		if _, werr := to.Write(out); err != nil || werr != nil {
			if err != nil && err != io.EOF {
				from.Close()
			}
			return
		}
	}
}

// pair is the two ends of a connection.
func pair(t *testing.T) (a, b *net.TCPConn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn), d.(*net.TCPConn)
}
