//go:build linux

package e2e

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// The whole process may stand still for longer than every timeout: a laptop that sleeps, a debugger, Ctrl-Z. When it goes on, bytes
// wait that nobody has had a chance to read; a session that has some is not idle, and not hung either.
func TestFrozenProxyGoesOn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		frozen time.Duration
		flags  []string
	}{
		{"short timeouts", 4 * time.Second, []string{"--idle-timeout", "2s", "--hang-timeout", "2s"}},
		{"the defaults", 12 * time.Second, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			eitherWay(t, fresh(test.flags...), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
				exchange(t, near, far)
				freeze(p, test.frozen, func() { send(t, near, []byte("meanwhile")) })
				expect(t, far, []byte("meanwhile"))
				exchange(t, near, far)
			})
		})
	}
}

// The same for a bulk transfer that the stop interrupts. The reader takes meanwhile what the proxy's system holds, so nobody hangs.
func TestFrozenProxyGoesOnWithATransfer(t *testing.T) {
	t.Parallel()
	data := noise(64 << 20)
	eitherWay(t, fresh("--idle-timeout", "2s", "--hang-timeout", "2s"), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		taken, _ := flood(t, near, far, data)
		arrived := make(chan error, 1)
		freeze(p, 4*time.Second, func() {
			go func() {
				_, _ = near.Write(data[taken:])
				_ = near.CloseWrite()
			}()
			go func() { arrived <- compare(far, data) }()
		})
		if err := <-arrived; err != nil {
			t.Error(err)
		}
		expectEnd(t, far)
	})
}

// A client may come while the process stands still, and wait in the backlog.
func TestFrozenProxyServesWhoCameMeanwhile(t *testing.T) {
	t.Parallel()
	d := listen(t, "127.0.0.1:0")
	p := startProxy(t, d.host(), "--idle-timeout", "2s", "--connect-timeout", "2s")
	var client *net.TCPConn
	freeze(p, 4*time.Second, func() { client = p.dial(t) })
	exchange(t, client, d.accept(t))
}

// freeze stops the process for a while, in which meanwhile is done.
func freeze(p *proxy, d time.Duration, meanwhile func()) {
	p.signal(syscall.SIGSTOP)
	meanwhile()
	time.Sleep(d) // how long the process stands still is what the test is about
	p.signal(syscall.SIGCONT)
}
