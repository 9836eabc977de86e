package test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// BenchmarkPanicToRestarted measures the time from a panic in a reader to the start of its next incarnation, both as seen on the
// goroutine where they happen.
func BenchmarkPanicToRestarted(b *testing.B) {
	r := newRig(b, actors.Config{MaxRestarts: never, Within: time.Millisecond})
	s, err := r.open(1, 1, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	who := s.pid + "/client-reader"
	var died atomic.Int64
	took := make(chan time.Duration, 1)
	begun := time.Now()
	r.plan.Add(fault.At(actors.PointBeforeRead, who).Times(0).Do(func(k fault.Kill) {
		if died.Load() == 0 {
			died.Store(int64(time.Since(begun)))
			panic(k)
		}
	}))
	unsubscribe := r.proxy.Subscribe(func(event any) {
		if e, ok := event.(messages.ActorRestarted); ok && e.PID == who {
			took <- time.Since(begun) - time.Duration(died.Load())
		}
	})
	defer unsubscribe()
	pid := actor.NewPID(r.proxy.System().Address(), who)
	total := time.Duration(0)
	for b.Loop() {
		died.Store(0)
		r.proxy.System().Root.Send(pid, messages.Readable{})
		total += <-took
	}
	b.ReportMetric(float64(total)/float64(b.N), "ns/restart")
}

// BenchmarkRoundTrip shows what the seam for faults costs the data path: nothing when it is not used.
func BenchmarkRoundTrip(b *testing.B) {
	for _, used := range []bool{false, true} {
		b.Run(fmt.Sprintf("seam=%v", used), func(b *testing.B) {
			cfg := actors.Config{}
			if used {
				cfg.Fault = func(actors.Point, string) {}
			}
			client, server, stop := bare(b, cfg)
			defer stop()
			go func() {
				buf := make([]byte, 64)
				for {
					n, err := server.Read(buf)
					if err != nil {
						return
					}
					_, _ = server.Write(buf[:n])
				}
			}()
			buf := make([]byte, 64)
			for b.Loop() {
				_, _ = client.Write(buf)
				for n := 0; n < len(buf); {
					m, err := client.Read(buf)
					if err != nil {
						b.Fatal(err)
					}
					n += m
				}
			}
		})
	}
}

// bare is one connection through a proxy whose seam is as given.
func bare(b *testing.B, cfg actors.Config) (client, server net.Conn, stop func()) {
	b.Helper()
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	cfg.Host, cfg.Port, cfg.ListenHost = "127.0.0.1", origin.Addr().(*net.TCPAddr).AddrPort().Port(), "127.0.0.1"
	proxy, err := actors.Start(cfg, nil)
	if err != nil {
		b.Fatal(err)
	}
	if client, err = net.Dial("tcp", proxy.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if server, err = origin.Accept(); err != nil {
		b.Fatal(err)
	}
	return client, server, func() {
		client.Close()
		server.Close()
		origin.Close()
		proxy.Stop()
		<-proxy.Done()
	}
}
