package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"tcpproxy/test/fault"
)

const (
	// portion is what a stream sends at a time, and rest how long it waits then. A stream at full speed would fill the processors, and the
	// pauses that they make would hide those that a fault makes.
	portion = 16 << 10
	rest    = 300 * time.Microsecond
	// ball is what a ping-pong sends.
	ball = 64
	// enough bounds a stream: what arrives is kept until the end.
	enough = 256 << 20
)

// direction is one of the two streams of a connection.
type direction struct {
	seed uint64
	out  *fault.Stream
	from *net.TCPConn
	to   *net.TCPConn

	mu    sync.Mutex
	sent  int64
	got   []byte
	fails error         // of the sender
	error error         // of the receiver: what it saw at the end
	at    time.Duration // when that was

	meter *meter
}

func newDirection(seed uint64, from, to *net.TCPConn, m *meter) *direction {
	return &direction{seed: seed, out: fault.NewStream(seed), from: from, to: to, meter: m}
}

// send sends the next n bytes. What a call that failed has sent of them does not count: that connection is reset anyway.
func (d *direction) send(n int) error {
	err := d.out.Send(d.from, n)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.fails = err
		return err
	}
	d.sent = d.out.At()
	return nil
}

// flood sends portions until it is told to stop, and then that this was all. While it is hurried it takes no rest.
func (d *direction) flood(stop <-chan struct{}, hurried func() bool) {
	for {
		select {
		case <-stop:
			_ = d.from.CloseWrite()
			return
		default:
		}
		if d.out.At() >= enough || d.send(portion) != nil {
			<-stop
			_ = d.from.CloseWrite()
			return
		}
		if hurried == nil || !hurried() {
			pace(rest)
		}
	}
}

// receive keeps what arrives, up to the end; each is called with the number of bytes, if it is not nil. It begins when the gate opens.
func (d *direction) receive(gate func(), each func(int)) {
	buffer := make([]byte, 64<<10)
	for {
		if gate != nil {
			gate()
		}
		n, err := d.to.Read(buffer)
		if n > 0 {
			d.meter.add(n)
			d.mu.Lock()
			d.got = append(d.got, buffer[:n]...)
			d.mu.Unlock()
			if each != nil {
				each(n)
			}
		}
		if err != nil {
			d.mu.Lock()
			d.error, d.at = err, d.meter.clock.now()
			d.mu.Unlock()
			return
		}
	}
}

// What a peer saw at the end.
const (
	sawFIN     = "FIN"
	sawRST     = "RST"
	sawNothing = "nothing"
)

// saw is what a peer saw at the end, who receives one direction and sends the other. The system tells of a reset once, to whichever call
// comes first; a later one may see an end that looks like one in order.
func saw(received, sent *direction) string {
	received.mu.Lock()
	end := received.error
	received.mu.Unlock()
	sent.mu.Lock()
	fails := sent.fails
	sent.mu.Unlock()
	return sight(end, fails)
}

func sight(end, fails error) string {
	switch {
	case isReset(fails), isReset(end):
		return sawRST
	case end == io.EOF:
		return sawFIN
	}
	return sawNothing
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ENOTCONN)
}

// over is when the receiver saw the end.
func (d *direction) over() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

// audit says what became of the bytes; ended, that the receiver took them for all.
func (d *direction) audit(ended bool) account {
	d.mu.Lock()
	defer d.mu.Unlock()
	return audit(d.seed, d.got, d.sent, ended)
}

// pace lets time pass between two portions. It is part of the traffic, and waits for nothing.
func pace(d time.Duration) { time.Sleep(d) }

// lapse lets time pass in which something is measured; it is the context's error if that ends before.
func lapse(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
