//go:build linux

package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// These tests do not run beside the others: they look at the memory of a busy proxy, and would spoil the others' timing.

// 10,000 sessions, one after the other in a few rows, leave nothing behind.
func TestManySessionsInSequence(t *testing.T) {
	d := listen(t, "127.0.0.1:0")
	go echo(d)
	p := startProxy(t, d.host(), "--log-level", "info")
	const rows = 8
	total := 10_000
	if underRace() {
		total = 4000 // each costs several times as much, and what is lost per session shows as well
	}
	sequence(t, p, rows, 1500) // until everything that is kept for the next session is there
	p.restsAt(t, 1)
	descriptors, threads, memory := p.descriptors(), p.threads(), p.memory()

	sequence(t, p, rows, total)
	p.restsAt(t, 1)
	if n := p.descriptors(); n > descriptors {
		t.Errorf("%d descriptors, %d before", n, descriptors)
	}
	if n := p.threads(); n > threads+4 {
		t.Errorf("%d threads, %d before", n, threads)
	}
	// One hundred bytes lost per session would be a megabyte; the collector's and the race detector's own rise and fall is more.
	if grown := p.memory() - memory; grown > 12<<20*raceFactor() {
		t.Errorf("the memory grew by %d kB", grown>>10)
	}
}

// sequence runs total sessions, in so many rows at once, with a small exchange each.
func sequence(t *testing.T, p *proxy, rows, total int) {
	t.Helper()
	var all sync.WaitGroup
	for range rows {
		all.Go(func() {
			buffer := make([]byte, 64)
			for range total / rows {
				c, err := net.Dial("tcp", p.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = c.SetDeadline(time.Now().Add(patience))
				_, err = c.Write(buffer)
				if err == nil {
					_, err = io.ReadFull(c, buffer)
				}
				reset(c.(*net.TCPConn)) // which spares the port: none waits in TIME_WAIT
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// 1,500 silent sessions at once cost little memory, no thread and no processor time, and leave nothing behind.
func TestManyIdleSessions(t *testing.T) {
	d := listen(t, "127.0.0.1:0")
	go echo(d)
	p := startProxy(t, d.host(), "--log-level", "info", "--idle-timeout", "1h")
	const n = 1500
	descriptors, threads := p.descriptors(), p.threads()
	open := func() (clients []*net.TCPConn) {
		for range n {
			c := p.dial(t)
			send(t, c, []byte("hello"))
			expect(t, c, []byte("hello"))
			clients = append(clients, c)
		}
		p.restsAt(t, 1+2*n)
		return clients
	}
	leave := func(clients []*net.TCPConn) {
		for _, c := range clients {
			reset(c)
		}
		p.restsAt(t, 1)
	}

	before := p.memory()
	clients := open()
	if each := (p.memory() - before) / n; each > 20<<10*raceFactor() {
		t.Errorf("an idle session costs %d kB", each>>10)
	}
	p.asleep(t, time.Second)
	if got := p.descriptors(); got != descriptors+2*n {
		t.Errorf("the idle sessions hold %d descriptors, want two each, %d: no pipe", got-descriptors, 2*n)
	}
	if got := p.threads(); got > threads+8 {
		t.Errorf("the idle sessions brought the threads from %d to %d", threads, got)
	}
	leave(clients)
	first := p.memory()

	leave(open())
	if got := p.descriptors(); got != descriptors {
		t.Errorf("%d descriptors afterwards, %d before", got, descriptors)
	}
	// What the first crowd made the process grow to is enough for the second.
	if grown := p.memory() - first; grown > 8<<20*raceFactor() {
		t.Errorf("a second crowd made the memory grow by %d kB", grown>>10)
	}
}

// raceFactor is how much more memory a program under the race detector takes.
func raceFactor() int {
	if underRace() {
		return 10
	}
	return 1
}
