package engine

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// beside is how many sessions there are beside the victim's.
	beside = 8
	// breath is the time between two of their round trips.
	breath = 2 * time.Millisecond
)

// others are sessions that no fault is for. Each sends a few bytes, waits for them to come back, and sends again.
type others struct {
	trips trips
	conns []*net.TCPConn
	hurt  atomic.Int32
	stop  atomic.Bool
	going sync.WaitGroup
}

// begin opens them, and returns when each has made a round trip.
func (o *others) begin(ctx context.Context, addr string, c clock) error {
	for range beside {
		conn, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		o.conns = append(o.conns, conn)
		_ = conn.SetDeadline(time.Now().Add(opening))
		if err := exchange(conn); err != nil {
			return err
		}
		_ = conn.SetDeadline(time.Time{})
	}
	for _, conn := range o.conns {
		o.going.Go(func() { o.play(conn, c) })
	}
	return nil
}

func (o *others) play(conn *net.TCPConn, c clock) {
	for !o.stop.Load() {
		begun := c.now()
		if exchange(conn) != nil {
			if !o.stop.Load() {
				o.hurt.Add(1)
			}
			return
		}
		end := c.now()
		o.trips.add(end, end-begun)
		pace(breath)
	}
}

// end closes them, and waits.
func (o *others) end() {
	o.stop.Store(true)
	for _, conn := range o.conns {
		_ = conn.Close()
	}
	o.going.Wait()
}

// exchange sends a ball and waits for it.
func exchange(conn *net.TCPConn) error {
	var b [ball]byte
	if _, err := conn.Write(b[:]); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, b[:])
	return err
}

// storm is clients that come one after the other: each connects, makes one round trip, and goes.
type storm struct {
	meter  meter
	failed atomic.Int32
	stop   atomic.Bool
	going  sync.WaitGroup
	cancel context.CancelFunc
}

func (s *storm) begin(ctx context.Context, addr string, c clock) {
	s.meter.clock = c
	ctx, s.cancel = context.WithCancel(ctx)
	s.going.Go(func() {
		for !s.stop.Load() {
			if s.visit(ctx, addr) {
				s.meter.add(ball)
			} else if !s.stop.Load() {
				s.failed.Add(1)
			}
			pace(rest)
		}
	})
}

func (s *storm) visit(ctx context.Context, addr string) bool {
	conn, err := dial(ctx, addr)
	if err != nil {
		return false
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(opening))
	return exchange(conn) == nil
}

// end waits for the client who is there, as long as a client would.
func (s *storm) end() {
	s.stop.Store(true)
	s.going.Wait()
	s.cancel()
}
