//go:build linux

package attack

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// With hardly any descriptors, or for one session at a time, everybody's turn comes: many more clients than fit come at once, are slow
// to leave, and all are served. A proxy that gives a descriptor to every client and none to their destinations would stand still.
func TestTinyLimits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		prepare preparation
		flags   []string
	}{
		{"24 descriptors", withDescriptors(24), nil},
		{"32 descriptors", withDescriptors(32), nil},
		{"64 descriptors", withDescriptors(64), nil},
		{"one session", nil, []string{"--max-sessions", "1"}},
		{"one session and 24 descriptors", withDescriptors(24), []string{"--max-sessions", "1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startPrepared(t, test.prepare, "127.0.0.1", echoing(t), test.flags...)
			before := p.holds()
			clients := amount(200, 4000)
			err := each(clients, 50, func(i int) error {
				c, err := net.DialTimeout("tcp", p.addr, patience)
				if err != nil {
					return err
				}
				_ = c.SetDeadline(time.Now().Add(patience))
				if err = ping(c); err == nil && i%3 == 0 {
					// More than a buffer, so that one or the other wants a pipe as well.
					err = echoed(c.(*net.TCPConn), uint64(i), 512<<10)
				}
				if i%2 == 0 {
					reset(c.(*net.TCPConn))
				}
				_ = c.Close()
				return err
			})
			if err != nil {
				t.Error(err)
			}
			p.givesBack(t, before)
			p.serves(t)
		})
	}
}

// echoed sends a stream and compares its echo.
func echoed(c *net.TCPConn, stream uint64, size int) error {
	if err := exchange(c, stream, stream, size); err != nil {
		return fmt.Errorf("an echo of %d bytes: %w", size, err)
	}
	return nil
}
