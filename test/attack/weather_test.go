//go:build linux

package attack

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Whatever the network does to packets, every byte arrives, once and in order, both ways and at the same time: peers lie behind a cable
// that loses, delays, doubles, reorders and corrupts. What the proxy is shown by that is short reads and writes of every size, ends that
// come late, and resets of nobody.
func TestBadCables(t *testing.T) {
	for _, test := range []struct {
		name    string
		weather weather
		short   int // bytes each way and session
		long    int
	}{
		{"loss", weather{loss: 0.02, delay: time.Millisecond}, 256 << 10, 8 << 20},
		{"delay", weather{delay: 20 * time.Millisecond}, 1 << 20, 16 << 20},
		{"disorder", weather{jitter: 4 * time.Millisecond}, 256 << 10, 8 << 20},
		{"corruption", weather{corrupted: 0.02, delay: time.Millisecond}, 256 << 10, 8 << 20},
		{"all of it", weather{loss: 0.01, twice: 0.02, corrupted: 0.01, delay: time.Millisecond, jitter: 3 * time.Millisecond},
			192 << 10, 4 << 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			random := chance(t)
			here, far := newNamespace(t), newNamespace(t)
			cable := layCable(t, here, far, "10.78.0.1", "10.78.0.2", test.weather, random)
			size := amount(test.short, test.long)
			// Client and destination are both behind the cable, so every byte goes over it twice.
			l := far.listen("10.78.0.2:7000")
			var mu sync.Mutex
			var failed []error
			serve(t, l, func(c *net.TCPConn) {
				// The client's first byte says which of the streams it is.
				_ = c.SetDeadline(time.Now().Add(time.Duration(amount(60, 300)) * time.Second))
				which := make([]byte, 1)
				_, err := io.ReadFull(c, which)
				if err == nil {
					err = exchange(c, uint64(which[0])+1000, uint64(which[0]), size)
				}
				if err != nil {
					mu.Lock()
					failed = append(failed, fmt.Errorf("destination: %w", err))
					mu.Unlock()
				}
			})
			p := startPrepared(t, here.enter, "10.78.0.1", "10.78.0.2:7000",
				"--connect-timeout", "30s", "--hang-timeout", "30s", "--idle-timeout", "30s")
			before := p.holds()
			sessions := 6
			err := each(sessions, sessions, func(i int) error {
				c, err := far.dial(net.Dialer{Timeout: 2 * patience}, p.addr)
				if err != nil {
					return err
				}
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(time.Duration(amount(60, 300)) * time.Second))
				if _, err := c.Write([]byte{byte(i)}); err != nil {
					return err
				}
				return exchange(c, uint64(i), uint64(i)+1000, size)
			})
			p.givesBack(t, before)
			mu.Lock()
			defer mu.Unlock()
			if err = errors.Join(append(failed, err)...); err != nil {
				t.Error(err)
			}
			t.Logf("%d sessions of %d bytes each way: %v", sessions, size, cable)
			w := test.weather
			if w.loss > 0 && cable.lost.Load() == 0 || w.corrupted > 0 && cable.broken.Load() == 0 || w.twice > 0 && cable.doubled.Load() == 0 {
				t.Error("the cable was too good")
			}
		})
	}
}

// exchange sends one stream of noise and its end, and reads another to its end, at the same time.
func exchange(c *net.TCPConn, sent, received uint64, size int) error {
	done := make(chan error, 1)
	go func() {
		_, err := io.CopyN(c, noise(sent), int64(size))
		done <- errors.Join(err, c.CloseWrite())
	}()
	err := same(c, noise(received), size)
	if err == nil {
		if n, end := c.Read(make([]byte, 1)); n != 0 || !errors.Is(end, io.EOF) {
			err = fmt.Errorf("after all bytes came %d more and %w", n, end)
		}
	}
	if err != nil {
		reset(c) // else the other half would wait for a peer that is busy failing
	}
	return errors.Join(<-done, err)
}
