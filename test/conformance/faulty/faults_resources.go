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
		c.CloseWrite()
		c.CloseRead()
	}
}

// noBound queues what it has read, as much as may come.
func noBound(p *proxy) {
	var mu sync.Mutex
	queues := map[*direction]chan []byte{}
	p.write = func(d *direction, b []byte) error {
		mu.Lock()
		queue := queues[d]
		if queue == nil {
			queue = make(chan []byte, 1<<20)
			queues[d] = queue
			go func() {
				for b := range queue {
					if b == nil {
						d.to.CloseWrite()
						return
					}
					if d.write(b) != nil {
						return
					}
				}
			}()
		}
		mu.Unlock()
		queue <- bytes.Clone(b)
		return nil
	}
	p.ended = func(d *direction) {
		mu.Lock()
		queue := queues[d]
		mu.Unlock()
		if queue == nil {
			d.to.CloseWrite()
			return
		}
		queue <- nil
	}
}

func spins(p *proxy) {
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

func diesAccept(p *proxy) { p.accepting = func(err error) error { return err } }

func noDrain(p *proxy) { p.drain = func() {} }

func deaf(p *proxy) { p.drain = func() { time.Sleep(time.Hour) } }

func ipv4Only(p *proxy) { p.network = "tcp4" }

func quietUsage(p *proxy) { p.quietUsage = true }
