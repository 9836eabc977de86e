//go:build linux

package e2e

import (
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// At --max-sessions the next client waits in the backlog, at no cost, until somebody leaves.
func TestMaxSessions(t *testing.T) {
	t.Parallel()
	const limit = 3
	d := listen(t, "127.0.0.1:0")
	p := startProxy(t, d.host(), "--max-sessions", "3", "--idle-timeout", "1m")
	var live []session
	for range limit {
		live = append(live, p.connect(t, d))
	}
	waiting := p.dial(t) // the system accepts it; the proxy does not
	send(t, waiting, []byte("may I?"))
	p.logged(t, 1, "level=WARN", "accepting paused")
	p.asleep(t, time.Second)
	if n := p.sockets(); n != 1+2*limit {
		t.Errorf("the proxy holds %d sockets, want %d", n, 1+2*limit)
	}
	for _, s := range live {
		exchange(t, s.client, s.server)
	}
	reset(live[0].client)
	server := d.accept(t)
	expect(t, server, []byte("may I?"))
	exchange(t, waiting, server)
	for _, s := range live[1:] {
		exchange(t, s.client, s.server)
	}
	p.restsAt(t, 1+2*limit)
}

// Whoever waits at the limit is served as soon as there is room, one after the other, and none is forgotten.
func TestQueueAtMaxSessions(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	p := startProxy(t, d.host(), "--max-sessions", "1")
	go echo(d)
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			c, err := net.Dial("tcp", p.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer reset(c.(*net.TCPConn))
			_ = c.SetDeadline(time.Now().Add(patience))
			if _, err := c.Write([]byte("x")); err != nil {
				t.Error(err)
			}
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Errorf("a client that waited was not served: %v", err)
			}
		})
	}
	all.Wait()
	p.restsAt(t, 1)
}

// Out of descriptors, the proxy leaves clients in the backlog and waits: it does not spin, drops nobody, and goes on by itself.
func TestOutOfDescriptors(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	// The proxy counts its descriptors when it starts, so the limit comes down behind its back.
	p := startProxy(t, d.host(), "--max-sessions", "1000", "--connect-timeout", "30s", "--idle-timeout", "1m")
	first := p.connect(t, d)
	room := 2*10 + 1 // for 10 sessions, and half of another
	limit := unix.Rlimit{Cur: uint64(p.descriptors() + room), Max: 20000}
	if err := unix.Prlimit(p.pid(), unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	live := []session{first}
	for range 9 {
		live = append(live, p.connect(t, d))
	}
	var late []*net.TCPConn
	for range 30 {
		c := p.dial(t)
		send(t, c, []byte("late"))
		late = append(late, c)
	}
	p.logged(t, 1, "level=WARN", "accepting paused", "too many open files")
	p.asleep(t, time.Second)
	for _, s := range live {
		exchange(t, s.client, s.server)
	}

	// As soon as there is room they are all served.
	for _, s := range live[1:] {
		reset(s.client)
		reset(s.server)
	}
	for range late {
		server := d.accept(t)
		expect(t, server, []byte("late"))
		reset(server)
	}
	for _, c := range late {
		expectReset(t, c)
	}
	exchange(t, first.client, first.server)
	p.restsAt(t, 3)
}

// 1,000 clients that connect and reset at once leave nothing behind.
func TestClientsThatResetAtOnce(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	p := startProxy(t, d.host())
	go echo(d)
	steady := p.dial(t)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for range 100 {
				c, err := net.Dial("tcp", p.addr)
				if err != nil {
					t.Error(err)
					return
				}
				reset(c.(*net.TCPConn))
			}
		})
	}
	all.Wait()
	p.restsAt(t, 3)
	send(t, steady, []byte("still here"))
	expect(t, steady, []byte("still here"))
	if found := p.log.with("level=WARN"); len(found) > 0 {
		t.Errorf("warnings about clients that leave, such as %s", found[0])
	}
}
