package test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// storm makes children panic at random: by messages, and at points, those of their lifecycle among them.
func (r *rig) storm(rnd *rand.Rand, session string) {
	for range 1 + rnd.IntN(6) {
		who := session + "/" + children[rnd.IntN(len(children))]
		if rnd.IntN(4) == 0 {
			r.stop(who)
		} else {
			r.fail(who)
		}
	}
}

// TestSessionStopsWhileChildrenFail ends a session in one of several ways while its children die, over and over. It must end in time,
// and nobody in it may come back.
func TestSessionStopsWhileChildrenFail(t *testing.T) {
	seed := seedOf(t, "STOPPING_SEED")
	for i, strategy := range strategyNames() {
		t.Run(strategy, func(t *testing.T) {
			r := newRig(t, actors.Config{Supervision: strategy, MaxRestarts: 5}, fault.Random(seed+uint64(i), 0.1, "*/*/*"))
			var workers sync.WaitGroup
			for w := range 4 {
				workers.Go(func() {
					rnd := rand.New(rand.NewPCG(seed, uint64(i*4+w)))
					for range 25 {
						s, err := r.open(seed, 1, nil)
						if err != nil {
							continue // it has died already, as some strategies would have it
						}
						_, _ = s.client.Write(make([]byte, 1+rnd.IntN(40<<10)))
						_, _ = s.server.Write(make([]byte, 1+rnd.IntN(40<<10)))
						r.storm(rnd, s.pid)
						way := rnd.IntN(5)
						switch way {
						case 0:
							r.stop(s.pid) // another session adopts the connection
							_ = r.end(s.pid)
						case 1:
							r.fail(s.pid)
							_ = r.end(s.pid)
							r.stop(s.pid)
						case 2:
							_ = r.end(s.pid) // or it is over already
						case 3:
							_ = s.client.SetLinger(0)
							s.client.Close()
						case 4:
							s.close()
						}
						r.storm(rnd, s.pid)
						begun := time.Now()
						_, err = r.awaitClosed(s.pid)
						if took := time.Since(begun); err == nil && took > 5*time.Second {
							err = fmt.Errorf("the session took %v to end", took)
						}
						if err != nil {
							tree, _ := r.tree()
							t.Errorf("seed %d, way %d: %v; %+v", seed, way, err, tree)
							for _, o := range r.watch.Outcomes() {
								if sessionOf(o.PID) == s.pid {
									t.Log(o)
								}
							}
							for place, n := range r.plan.Visits() {
								if sessionOf(place.Who) == s.pid {
									t.Log(place, n)
								}
							}
						}
						r.storm(rnd, s.pid) // whoever is still there would answer
						s.close()
						if err != nil {
							return
						}
					}
				})
			}
			workers.Wait()
		})
	}
}

// TestBothPeersReset has the client reset while the destination has not acknowledged all of its bytes, and then the destination, too:
// nobody is left who could, so the session must end at once.
func TestBothPeersReset(t *testing.T) {
	r := newRig(t, actors.Config{})
	const bytes = 512 << 10 // more than the destination takes unread, less than the system buffers for it
	read := make(chan struct{})
	s, err := r.open(1, bytes, func(pid string) []*fault.Rule { // a rule that kills nobody
		return []*fault.Rule{fault.At(actors.PointAfterEnd, pid+"/client-reader").Do(func(fault.Kill) { close(read) })}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := fault.NewStream(1).Send(s.client, bytes); err != nil {
		t.Fatal(err)
	}
	_ = s.client.SetLinger(0)
	s.client.Close()
	select {
	case <-read:
	case <-time.After(patience):
		t.Fatal("the reset was not read")
	}
	_ = s.server.SetLinger(0)
	s.server.Close()
	begun := time.Now()
	if _, err := r.awaitClosed(s.pid); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the session lived on for %v", took)
	}
}

// TestProxyStopsWhileChildrenFail does the same with the whole proxy: it must be Done in time, with nothing left. See mustBeGone.
func TestProxyStopsWhileChildrenFail(t *testing.T) {
	seed := seedOf(t, "STOPPING_SEED")
	rounds := 0
	for i, strategy := range strategyNames() {
		t.Run(strategy, func(t *testing.T) {
			for n := range 8 {
				rounds++
				rnd := rand.New(rand.NewPCG(seed, uint64(i*100+n)))
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					r := newRig(t, actors.Config{Supervision: strategy, MaxRestarts: 5, DrainTimeout: time.Duration(rnd.IntN(20)) * time.Millisecond})
					for range 3 {
						s, err := r.open(seed, 1, nil)
						if err != nil {
							t.Fatal(err)
						}
						defer s.close()
						_, _ = s.client.Write(make([]byte, 10<<10))
						_, _ = s.server.Write(make([]byte, 10<<10))
					}
					for _, who := range []string{"*", "*/*", "*/*/*"} {
						r.plan.Add(fault.Random(seed, 0.2, who))
					}
					for i := range 3 {
						r.storm(rnd, "listener/session-"+strconv.Itoa(i+1))
					}
					switch n % 4 {
					case 0:
						r.proxy.Stop()
					case 1:
						r.proxy.Drain()
					case 2:
						r.stop("listener") // another listener takes over, and obeys
						r.proxy.Stop()
						r.stop("listener")
					case 3:
						r.fail("listener/acceptor")
						r.proxy.Drain()
						r.fail("listener")
						r.proxy.Stop()
					}
					for i := range 3 {
						r.storm(rnd, "listener/session-"+strconv.Itoa(i+1))
					}
					r.mustBeGone(t)
				})
			}
		})
	}
}

// TestFaultsInLifecycle has every actor panic in every handler of its lifecycle, every time that it gets there: neither may a stop hang
// nor anybody be left over, and a session that cannot start ends rather than to try for ever.
func TestFaultsInLifecycle(t *testing.T) {
	for _, strategy := range strategyNames() {
		for _, at := range []actors.Point{actors.PointStarted, actors.PointRestarting, actors.PointStopping, actors.PointStopped} {
			for _, who := range []string{"listener", "listener/acceptor", "listener/session-*", "*/*/*"} {
				if !strings.HasSuffix(who, "*") && strategy != strategyNames()[0] {
					continue // those above the sessions know nothing of the strategy
				}
				t.Run(fmt.Sprintf("%s/%v of %s", strategy, at, who), func(t *testing.T) {
					r := newRig(t, actors.Config{Supervision: strategy, MaxRestarts: 3}, fault.At(at, who).Times(0))
					client, err := net.Dial("tcp", r.proxy.Addr().String())
					if err != nil && fault.Verdict(err) != fault.Cut { // a session may be dead before its client knows that it was let in
						t.Fatal(err)
					}
					if err == nil {
						defer client.Close()
						_ = client.SetDeadline(time.Now().Add(patience))
					}
					hopeless := at == actors.PointStarted && who != "listener" && who != "listener/acceptor" &&
						(strategy != "resume" || who == "listener/session-*")
					if at == actors.PointStarted && who == "listener/acceptor" {
						// Nobody is let in; the client stays in the backlog until the proxy stops.
						if err := r.await("the acceptor was given a pause", func(s *fault.Seen) bool { return len(s.Failures[who]) > 3 }); err != nil {
							t.Error(err)
						}
					} else if hopeless {
						if err == nil {
							_, err = client.Read(make([]byte, 1))
						}
						if fault.Verdict(err) != fault.Cut {
							t.Errorf("a session that cannot start: the client saw: %v", err)
						}
						if err := r.await("the session was closed", func(s *fault.Seen) bool { return len(s.Closed) == 1 }); err != nil {
							t.Error(err)
						}
					} else {
						var server *net.TCPConn
						select {
						case server = <-r.arrivals:
						case <-time.After(patience):
							t.Fatal("the proxy does not serve")
						}
						defer server.Close()
						if err := fault.NewStream(1).Send(client, 1000); err != nil {
							t.Error(err)
						}
						_ = server.SetDeadline(time.Now().Add(patience))
						if err := fault.NewStream(1).Expect(server, 1000); err != nil {
							t.Error(err)
						}
						r.fail("listener/session-1/client-reader")
						if err := r.end("listener/session-1"); err != nil && !errors.Is(err, actors.ErrNoSession) {
							t.Error(err)
						}
						if err := r.await("the session was closed", func(s *fault.Seen) bool { return len(s.Closed) == 1 }); err != nil {
							t.Error(err)
						}
					}
					r.watch.See(func(s *fault.Seen) {
						for pid, e := range s.Closed {
							if e.Cause != messages.CauseSupervision && e.Cause != messages.CauseEnded {
								t.Errorf("%s was closed with cause %v", pid, e.Cause)
							}
						}
					})
					r.proxy.Stop()
					r.mustBeGone(t)
					if at == actors.PointStopped && r.plan.Killed() == 0 {
						t.Error("nobody panicked")
					}
					r.origin.Close()
					for conn := range r.arrivals {
						conn.Close()
					}
				})
			}
		}
	}
}
