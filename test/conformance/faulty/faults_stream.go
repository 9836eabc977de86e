package main

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Faults with the bytes of a stream, and with its end.

func noHalfClose(p *proxy) { p.ended = func(d *direction) { d.s.close() } }

func noEOF(p *proxy) { p.ended = func(*direction) {} }

func resetForFIN(p *proxy) { p.ended = func(d *direction) { abort(d.to) } }

func impatientClose(p *proxy) {
	p.ended = func(d *direction) {
		_ = d.to.CloseWrite()
		time.AfterFunc(500*time.Millisecond, d.s.close)
	}
}

func dropLast(p *proxy) {
	var chunks atomic.Int64
	p.write = func(d *direction, b []byte) error {
		if chunks.Add(1)%50 == 0 {
			b = b[:len(b)-1]
		}
		return d.write(b)
	}
}

func bitFlip(p *proxy) {
	var chunks atomic.Int64
	p.write = func(d *direction, b []byte) error {
		if chunks.Add(1)%100 == 0 {
			b = bytes.Clone(b)
			b[len(b)/2] ^= 1
		}
		return d.write(b)
	}
}

// merge is what happens when two sessions get hold of the same buffer.
func merge(p *proxy) {
	var mu sync.Mutex
	var last []byte
	chunks := 0
	p.write = func(d *direction, b []byte) error {
		mu.Lock()
		chunks++
		if chunks%20 == 0 && len(last) >= len(b) {
			b = bytes.Clone(last[:len(b)])
		}
		last = bytes.Clone(b)
		mu.Unlock()
		return d.write(b)
	}
}

func holdBack(p *proxy) {
	p.write = func(d *direction, b []byte) error {
		if len(b) < 4<<10 {
			time.Sleep(200 * time.Millisecond)
		}
		return d.write(b)
	}
}

// urgentEnds is what happens to whoever passes on with splice(2): at the urgent mark it returns 0, as it does at the end.
func urgentEnds(p *proxy) {
	p.read = func(d *direction, b []byte) (int, error) {
		awaitReadable(d.from)
		if mark, err := ioctl(d.from, unix.SIOCATMARK); err == nil && mark == 1 {
			return 0, io.EOF
		}
		return d.from.Read(b)
	}
}

func lazyConnect(p *proxy) {
	p.before = awaitReadable
}

// awaitReadable waits until there is something to read, and leaves it there.
func awaitReadable(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	var b [1]byte
	_ = raw.Read(func(fd uintptr) bool {
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK)
		return err != unix.EAGAIN
	})
}
