package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// session is one forwarded connection.
type session struct {
	p        *proxy
	up, down *direction
	failing  func(*direction) // called when the side that a direction reads from is known to be gone, if it is not nil
	dead     atomic.Bool      // a side is gone: no stream that is still open will end in order
	over     sync.Once
}

// direction is one half of a session.
type direction struct {
	s        *session
	from, to *net.TCPConn

	failed bool         // a worker before this one knew that the side to read from is gone
	held   atomic.Bool  // bytes were read and not yet written
	passed atomic.Int64 // how many bytes were written
	moved  atomic.Int64 // when bytes last moved, in nanoseconds since 1970
	began  atomic.Int64 // when the write began that is under way
	ended  atomic.Bool

	// Only watch uses these: how many bytes the peer has acknowledged, and when that last grew, or bytes began to wait for it.
	taken   uint64
	takenAt time.Time
}

func newSession(p *proxy, client, server *net.TCPConn) *session {
	s := &session{p: p}
	s.up = &direction{s: s, from: client, to: server}
	s.down = &direction{s: s, from: server, to: client}
	s.up.touch(time.Now())
	s.down.touch(time.Now())
	return s
}

// run returns when both directions have ended, one way or the other.
func (s *session) run() {
	var both sync.WaitGroup
	both.Go(s.up.pump)
	both.Go(s.down.pump)
	both.Wait()
	s.close()
}

// close ends both connections in order.
func (s *session) close() {
	s.over.Do(func() {
		s.p.close(s.up.from)
		s.p.close(s.up.to)
	})
}

// reset ends both connections abnormally.
func (s *session) reset() {
	s.over.Do(func() {
		abort(s.up.from)
		abort(s.up.to)
	})
}

// deliver waits until the peer has taken what was written to it: a reset would destroy what is still under way. The watch bounds it.
func (s *session) deliver(d *direction) {
	for {
		queued, err := ioctl(d.to, unix.SIOCOUTQ)
		if err != nil || queued == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// unread reports whether bytes have come that were not read yet.
func (s *session) unread() bool {
	for _, c := range []*net.TCPConn{s.up.from, s.up.to} {
		if n, err := ioctl(c, unix.SIOCINQ); err == nil && n > 0 {
			return true
		}
	}
	return false
}

func (d *direction) other() *direction {
	if d == d.s.up {
		return d.s.down
	}
	return d.s.up
}

// pump passes on one direction, to its end.
func (d *direction) pump() {
	buf := make([]byte, 16<<10)
	for {
		n, err := d.s.p.read(d, buf)
		if n > 0 {
			d.touch(time.Now())
			if failure := d.s.p.write(d, buf[:n]); failure != nil {
				// The side that does not take bytes any more may have sent some before; the other direction delivers them and
				// comes upon the same end. If it has ended already, there is nothing left to wait for.
				d.s.dead.Store(true)
				if d.s.failing != nil {
					d.s.failing(d.other())
				}
				if d.other().ended.Load() {
					d.s.reset()
				}
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && !d.s.dead.Load():
			d.ended.Store(true)
			d.touch(time.Now())
			d.s.p.ended(d)
			return
		case errors.Is(err, net.ErrClosed):
			return
		default:
			if d.s.failing != nil {
				d.s.failing(d)
			}
			d.s.p.failed(d.s, d, err)
			return
		}
	}
}

// write passes bytes on.
func (d *direction) write(b []byte) error {
	d.began.Store(time.Now().UnixNano())
	d.held.Store(true)
	defer d.held.Store(false)
	n, err := d.to.Write(b)
	d.passed.Add(int64(n))
	d.touch(time.Now())
	return err
}

func (d *direction) touch(now time.Time) { d.moved.Store(now.UnixNano()) }

// pending reports whether there are bytes that the peer has not taken.
func (d *direction) pending() bool { return d.held.Load() || d.passed.Load() > int64(d.taken) }

// look asks the kernel whether the peer has taken anything: with a large buffer in between, a writer may be stuck for long although
// the peer reads.
func (d *direction) look(now time.Time) {
	if !d.pending() {
		d.takenAt = now
		return
	}
	raw, err := d.to.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.Bytes_acked > d.taken {
			d.taken, d.takenAt = info.Bytes_acked, now
			d.touch(now)
		}
	})
}

func (d *direction) silent(now time.Time, limit time.Duration) bool {
	return now.UnixNano()-d.moved.Load() >= int64(limit)
}

func (d *direction) hung(now time.Time, limit time.Duration) bool {
	return d.pending() && now.Sub(d.takenAt) >= limit
}

func ioctl(c *net.TCPConn, request uint) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	if e := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), request) }); e != nil {
		return 0, e
	}
	return n, err
}
