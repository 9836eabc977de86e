//go:build linux

package attack

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A peer whose machine is gone says nothing at all: no FIN, no RST, and what it is sent is never acknowledged. The proxy's system keeps
// what it cannot send, and takes still more, so that to a program that watches its own writes only all seems well for a long time.
func TestPeersThatVanish(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		cause  string
		client bool // it is the client whose machine vanishes, not the destination's
		// near keeps the other side busy, which is still there.
		near func(c net.Conn) error
	}{
		{"destination, amid an upload", "hung", false, func(c net.Conn) error { _, err := io.Copy(c, noise(1)); return err }},
		{"client, amid a download", "hung", true, func(c net.Conn) error { _, err := io.Copy(c, noise(1)); return err }},
		{"destination, at rest", "idle", false, func(c net.Conn) error { _, err := io.Copy(io.Discard, c); return err }},
		{"destination, after a little", "hung", false, func(c net.Conn) error {
			// One write that the system takes whole: to the program it is done, and only the acknowledgement is missing.
			_, err := c.Write(make([]byte, 1000))
			if err == nil {
				_, err = io.Copy(io.Discard, c)
			}
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			here, far := newNamespace(t), newNamespace(t)
			join(here, far, "cable", "10.77.0.1", "10.77.0.2")
			clients, servers := here, far
			destination, listenAt := "10.77.0.2:7000", "127.0.0.1"
			if test.client {
				clients, servers = far, here
				destination, listenAt = "127.0.0.1:7000", "10.77.0.1"
			}
			l := servers.listen(destination)
			const limit = 2 * time.Second
			// The other timeout is never, so that the right one must do.
			flags := []string{"--hang-timeout", "2s", "--idle-timeout", "0", "--log-level", "debug"}
			if test.cause == "idle" {
				flags = []string{"--hang-timeout", "0", "--idle-timeout", "2s", "--log-level", "debug"}
			}
			p := startPrepared(t, here.enter, listenAt, destination, flags...)
			before, memory := p.holds(), p.memory()

			sessions := amount(20, 200)
			near, gone := make([]*net.TCPConn, sessions), make([]*net.TCPConn, sessions)
			for i := range sessions {
				client, err := clients.dial(net.Dialer{Timeout: patience}, p.addr)
				if err != nil {
					t.Fatal(err)
				}
				_ = l.SetDeadline(time.Now().Add(patience))
				server, err := l.AcceptTCP()
				if err != nil {
					t.Fatal(err)
				}
				near[i], gone[i] = client, server
				if test.client {
					near[i], gone[i] = server, client
				}
				t.Cleanup(func() { _, _ = client.Close(), server.Close() })
				_ = near[i].SetDeadline(time.Now().Add(2 * patience))
				_ = gone[i].SetDeadline(time.Now().Add(2 * patience))
				if err := errors.Join(write(near[i], "hello"), read(gone[i], "hello")); err != nil {
					t.Fatal(err)
				}
			}
			var resets, others atomic.Int64
			ended := make(chan error, 1)
			started := make(chan struct{})
			go func() {
				ended <- each(sessions, sessions, func(i int) error {
					<-started
					err := test.near(near[i])
					if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
						resets.Add(1)
					} else {
						others.Add(1)
					}
					return nil
				})
			}()
			var vanished time.Time
			vanish := func() { far.ip("link", "set", "cable", "down"); vanished = time.Now() }
			if test.name == "destination, amid an upload" || test.name == "client, amid a download" {
				close(started)
				// Some of it must have arrived, so that the link breaks in the middle.
				_ = same(gone[0], noise(1), 100<<10)
				vanish()
			} else {
				vanish()
				close(started)
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(2 * patience):
				t.Fatal("the sides that are still there were not told")
			}
			took := time.Since(vanished)
			t.Logf("%d sessions ended after %v: %d by a reset, %d otherwise", sessions, took.Round(time.Millisecond), resets.Load(), others.Load())
			if late := limit + 3*time.Second; took > late {
				t.Errorf("the last session ended %v after its peer had vanished, want %v at most", took, late)
			}
			if test.cause == "hung" && others.Load() > 0 {
				t.Errorf("%d sides were not reset, although their stream is incomplete", others.Load())
			}
			eventually(t, patience, "every session is logged as "+test.cause, func() bool {
				return len(p.log.with("cause="+test.cause)) >= sessions
			})
			p.givesBack(t, before)
			if grown := p.memory() - memory; grown > sessions*(256<<10)+64<<20 {
				t.Errorf("the proxy has grown by %d bytes", grown)
			}
		})
	}
}

func write(c net.Conn, text string) error { _, err := c.Write([]byte(text)); return err }

// read reads as much as text holds, which must be it.
func read(c net.Conn, text string) error {
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != text {
		return errors.New("other bytes than those sent: " + string(got))
	}
	return nil
}
