package main

import (
	"net"
	"os"
	"sync"
)

// Faults with one client that others feel.

func oneAtATime(p *proxy) {
	var turn sync.Mutex
	p.session = func(run func()) {
		turn.Lock()
		defer turn.Unlock()
		run()
	}
}

func oneLock(p *proxy) {
	var lock sync.Mutex
	p.write = func(d *direction, b []byte) error {
		lock.Lock()
		defer lock.Unlock()
		return d.write(b)
	}
}

// Faults when a side is gone, or was never there.

func finForReset(p *proxy) {
	p.failed = func(s *session, d *direction, _ error) { s.deliver(d); s.close() }
}

func dropOnReset(p *proxy) {
	write := p.write
	p.write = func(d *direction, b []byte) error {
		err := write(d, b)
		if err != nil {
			d.s.reset()
		}
		return err
	}
	p.failed = func(s *session, _ *direction, _ error) { s.reset() }
}

func holdsRefused(p *proxy) {
	var mu sync.Mutex
	var kept []*net.TCPConn
	p.refused = func(client *net.TCPConn, _ error) {
		mu.Lock()
		defer mu.Unlock()
		kept = append(kept, client)
	}
}

func diesRefused(p *proxy) {
	p.refused = func(*net.TCPConn, error) { os.Exit(1) }
}
