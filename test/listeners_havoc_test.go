package test

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// TestHavocAmongListeners kills actors of every kind at random where there are several loops: whatever dies on one lane, no byte is lost
// on it or on another.
func TestHavocAmongListeners(t *testing.T) {
	seed := seedOf(t, "HAVOC_SEED")
	for _, loops := range []int{2, 4} {
		t.Run(fmt.Sprint(loops), func(t *testing.T) { havocAmong(t, loops, seed) })
	}
}

func havocAmong(t *testing.T, loops int, seed uint64) {
	leaves(t)
	const kills, workers, bytes = 1500, 24, 96 << 10
	origin := echoing(t)
	plan, watch := fault.NewPlan(), fault.NewWatch()
	p, err := actors.Start(actors.Config{
		Host: "127.0.0.1", Port: origin, ListenHost: "127.0.0.1", Loops: loops, MaxRestarts: never, Within: 20 * time.Millisecond,
		Fault: plan.Strike,
	}, watch.Observe)
	if err != nil {
		t.Fatal(err)
	}
	stop := func(k fault.Kill) {
		number, _, _ := strings.Cut(strings.TrimPrefix(k.Who, "listener-"), "/")
		n, _ := strconv.Atoi(number)
		fault.Stop(p.Systems()[n-1], k.Who)
	}
	for _, who := range []string{"listener-*", "listener-*/acceptor", "listener-*/session-*", "listener-*/session-*/*"} {
		plan.Add(fault.Random(seed, 0.05, who), fault.Random(seed+1, 0.02, who).Do(stop))
	}
	var streams atomic.Int64
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for n := uint64(w); plan.Killed() < kills && !t.Failed(); n += workers {
				if err := throughEcho(p.Addr().String(), seed+n, bytes); err != nil {
					t.Errorf("seed %d, stream %d: %v", seed, n, err)
				}
				streams.Add(1)
			}
		})
	}
	all.Wait()
	p.Stop()
	select {
	case <-p.Done():
	case <-time.After(patience):
		t.Fatal("the proxy has not stopped")
	}
	watch.See(func(seen *fault.Seen) {
		busy := map[string]int{}
		for pid, e := range seen.Closed {
			if e.Cause != messages.CauseFinished && e.Cause != messages.CauseShutdown {
				t.Errorf("%s ended with %v: %v", pid, e.Cause, e.Err)
			}
			busy[pid[:len("listener-1")]]++
		}
		t.Logf("%d kills under %d streams, shared out as %v", plan.Killed(), streams.Load(), busy)
		if len(busy) != loops {
			t.Errorf("the streams came to the listeners like this: %v", busy)
		}
	})
}

// throughEcho sends a stream of bytes through a proxy to a destination that sends them back, and checks every one.
func throughEcho(addr string, seed uint64, n int) error {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	sent := make(chan error, 1)
	go func() {
		out := fault.NewStream(seed)
		err := out.Send(conn, n)
		if err == nil {
			err = conn.(*net.TCPConn).CloseWrite()
		}
		sent <- err
	}()
	in := fault.NewStream(seed)
	got := in.Expect(conn, n)
	if got == nil {
		got = in.ExpectEnd(conn)
	}
	if saw := fault.Verdict(got, <-sent); saw != fault.Intact {
		return fmt.Errorf("the client saw: %s", saw)
	}
	return nil
}

// echoing is the port of a destination that sends back what it gets, until the end of the test.
func echoing(t *testing.T) uint16 {
	t.Helper()
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := origin.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				if _, err := io.Copy(conn, conn); err == nil {
					_ = conn.(*net.TCPConn).CloseWrite()
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = origin.Close()
		serving.Wait()
	})
	return origin.Addr().(*net.TCPAddr).AddrPort().Port()
}
