package main

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// Faults with descriptors, memory, processor time, and the process itself.

func leak(p *proxy) {
	var mu sync.Mutex
	var leaked []*net.TCPConn
	p.close = func(c *net.TCPConn) {
		mu.Lock()
		defer mu.Unlock()
		// Both directions are shut, so the peers notice nothing; only the descriptor stays.
		if leaked = append(leaked, c); len(leaked)%4 != 0 {
			c.Close()
			return
		}
		_ = c.CloseWrite()
		_ = c.CloseRead()
	}
}

// noBound queues what it has read, as much as may come.
func noBound(p *proxy) {
	type queue struct {
		mu     sync.Mutex
		wake   *sync.Cond
		chunks [][]byte
		failed bool
	}
	var mu sync.Mutex
	queues := map[*direction]*queue{}
	drain := func(d *direction, q *queue) {
		for {
			q.mu.Lock()
			for len(q.chunks) == 0 {
				q.wake.Wait()
			}
			b := q.chunks[0]
			q.mu.Unlock()
			err := d.write(b)
			q.mu.Lock()
			q.chunks, q.failed = q.chunks[1:], err != nil
			q.wake.Broadcast()
			q.mu.Unlock()
			if err != nil {
				return
			}
		}
	}
	p.write = func(d *direction, b []byte) error {
		mu.Lock()
		q := queues[d]
		if q == nil {
			q = &queue{}
			q.wake = sync.NewCond(&q.mu)
			queues[d] = q
			go drain(d, q)
		}
		mu.Unlock()
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.failed {
			return net.ErrClosed
		}
		q.chunks = append(q.chunks, bytes.Clone(b))
		q.wake.Broadcast()
		return nil
	}
	p.ended = func(d *direction) {
		mu.Lock()
		q := queues[d]
		mu.Unlock()
		if q != nil {
			q.mu.Lock()
			for len(q.chunks) > 0 && !q.failed {
				q.wake.Wait()
			}
			q.mu.Unlock()
		}
		_ = d.to.CloseWrite()
	}
}

// spins does so several times over: on a machine that is busy with other tests one loop alone might get too little of a processor to be
// found out.
func spins(p *proxy) {
	for range 8 {
		go func() {
			for {
				p.mu.Lock()
				busy := len(p.sessions) > 0
				p.mu.Unlock()
				if !busy {
					time.Sleep(10 * time.Millisecond)
				}
			}
		}()
	}
}

func diesAccept(p *proxy) { p.accepting = func(err error) error { return err } }

func noDrain(p *proxy) { p.drain = func() {} }

func deaf(p *proxy) { p.drain = func() { time.Sleep(time.Hour) } }

func ipv4Only(p *proxy) { p.network = "tcp4" }

func quietUsage(p *proxy) { p.quietUsage = true }
