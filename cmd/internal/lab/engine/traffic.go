package engine

import (
	"net"
	"sync"
	"time"
)

// pair is the connection that a fault is for: its two ends, and what goes on between them.
type pair struct {
	client, server *net.TCPConn
	up, down       *direction
	main           *direction // whose receiver is the one that sees the pause

	stop    chan struct{}
	playing sync.WaitGroup

	gate    sync.Mutex
	blocked chan struct{} // while a receiver shall not read: closed when it may again
}

func newPair(client, server *net.TCPConn, seed uint64, c clock) *pair {
	return &pair{
		client: client, server: server, stop: make(chan struct{}),
		up: newDirection(seed, client, server, &meter{clock: c}), down: newDirection(seed^1<<63, server, client, &meter{clock: c}),
	}
}

// play begins a kind of traffic. It goes on until finish.
func (p *pair) play(traffic string) {
	p.main = p.up
	switch traffic {
	case "download":
		p.main = p.down
		p.go2(func() { p.down.flood(p.stop, nil) }, func() { p.up.receive(nil, nil) })
		p.playing.Go(func() { p.down.receive(nil, nil); _ = p.client.CloseWrite() })
	case "half-closed":
		p.main = p.down
		_ = p.up.send(portion)
		_ = p.client.CloseWrite()
		p.go2(func() { p.down.receive(nil, nil) }, func() {
			p.up.receive(nil, nil)
			p.down.flood(p.stop, nil)
		})
	case "ping-pong", "many":
		p.main = p.down
		p.pingPong()
	default:
		p.go2(func() { p.up.flood(p.stop, p.stalled) }, func() { p.down.receive(nil, nil) })
		p.playing.Go(func() { p.up.receive(p.wait, nil); _ = p.server.CloseWrite() })
	}
}

func (p *pair) go2(a, b func()) {
	p.playing.Go(a)
	p.playing.Go(b)
}

// pingPong has the client serve a ball whenever it has one. If one is lost it waits for it, up to the end.
func (p *pair) pingPong() {
	balls := make(chan struct{}, 1)
	balls <- struct{}{}
	p.go2(func() {
		defer func() { _ = p.client.CloseWrite() }()
		for {
			select {
			case <-p.stop:
				return
			case <-balls:
				if p.up.send(ball) != nil {
					return
				}
			}
		}
	}, func() {
		missing := ball
		p.down.receive(nil, func(n int) {
			if missing -= n; missing <= 0 {
				missing += ball
				pace(rest)
				select {
				case balls <- struct{}{}:
				default: // more came than was sent
				}
			}
		})
	})
	p.playing.Go(func() {
		p.up.receive(nil, func(n int) { _ = p.down.send(n) })
		_ = p.server.CloseWrite()
	})
}

// stall has the receiver of an upload read no more until resume.
func (p *pair) stall() {
	p.gate.Lock()
	defer p.gate.Unlock()
	if p.blocked == nil {
		p.blocked = make(chan struct{})
	}
}

// resume lets the receiver read again. Its pause counts from here.
func (p *pair) resume() {
	p.gate.Lock()
	defer p.gate.Unlock()
	if p.blocked != nil {
		p.up.meter.add(0)
		close(p.blocked)
		p.blocked = nil
	}
}

func (p *pair) stalled() bool {
	p.gate.Lock()
	defer p.gate.Unlock()
	return p.blocked != nil
}

func (p *pair) wait() {
	p.gate.Lock()
	blocked := p.blocked
	p.gate.Unlock()
	if blocked != nil {
		<-blocked
	}
}

// full reports whether the sender has sent nothing since it was asked last, with the count that it was told.
func (p *pair) full(before int64) (now int64, full bool) {
	p.up.mu.Lock()
	defer p.up.mu.Unlock()
	return p.up.sent, p.up.sent == before
}

// finish ends the traffic in order, and waits until both peers have seen the end, or for so long.
func (p *pair) finish(patience time.Duration) {
	p.resume()
	deadline := time.Now().Add(patience)
	_ = p.client.SetDeadline(deadline)
	_ = p.server.SetDeadline(deadline)
	close(p.stop)
	p.playing.Wait()
}

// close closes both ends.
func (p *pair) close() {
	_ = p.client.Close()
	_ = p.server.Close()
}
