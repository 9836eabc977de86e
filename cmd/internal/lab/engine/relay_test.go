package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tcpproxy/messages"
)

// relay is a forwarder that does on purpose what none should: at the fault it spoils the next bytes of its first connection.
type relay struct {
	trial    *trial
	listener net.Listener
	spoil    func([]byte) []byte
	delay    time.Duration

	armed atomic.Bool
	going sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
	at    int64         // where the spoilt bytes began
	gap   time.Duration // how long nothing was sent, as the relay saw it
}

func newRelay(t *trial, spoil func([]byte) []byte, delay time.Duration) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{trial: t, listener: l, spoil: spoil, delay: delay}
	r.going.Go(func() {
		for n := 0; ; n++ {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", t.origin.port()))
			if err != nil {
				_ = client.Close()
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, client, server)
			r.mu.Unlock()
			r.going.Go(func() { r.forward(client, server, n == 0) })
			r.going.Go(func() { r.forward(server, client, false) })
		}
	})
	return r, nil
}

func (r *relay) forward(from, to net.Conn, victim bool) {
	defer func() { _ = to.(*net.TCPConn).CloseWrite() }()
	if !victim {
		_, _ = io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from})
		return
	}
	defer r.trial.observe(messages.SessionClosed{PID: victimSession, Cause: messages.CauseFinished})
	buffer, sent, last := make([]byte, portion), int64(0), time.Now()
	for {
		n, err := io.ReadFull(from, buffer)
		bytes := buffer[:n]
		if n == len(buffer) && r.armed.CompareAndSwap(true, false) {
			pace(r.delay)
			r.mu.Lock()
			r.at, r.gap = sent, time.Since(last)
			r.mu.Unlock()
			bytes = r.spoil(slices.Clone(bytes))
		}
		if _, err := to.Write(bytes); err != nil {
			return
		}
		sent, last = sent+int64(n), time.Now()
		if err != nil {
			return
		}
	}
}

func (r *relay) addr() string { return r.listener.Addr().String() }

// kill arms it, and says what a supervisor would.
func (r *relay) kill(pid, _ string) error {
	r.armed.Store(true)
	r.trial.observe(messages.ActorFailed{PID: pid, Strategy: "relay", Directive: "restart"})
	r.trial.observe(messages.ActorRestarted{PID: pid, Restarts: 1, After: 3 * time.Millisecond})
	return nil
}

// settle waits until it has done what it was armed for.
func (r *relay) settle(ctx context.Context, _ string, _ int) {
	for r.armed.Load() && lapse(ctx, time.Millisecond) == nil {
		continue
	}
	_ = lapse(ctx, r.delay)
}

func (r *relay) stop() {
	_ = r.listener.Close()
	r.mu.Lock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.going.Wait()
}
