//go:build linux

package attack

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// group makes a control group in which no more memory than so much may be used, by whichever of the two hierarchies is there. It
// returns the file that takes the processes in.
func group(t *testing.T, bytes int) (procs string) {
	t.Helper()
	for _, try := range []struct{ parent, limit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, // version 1
		{"/sys/fs/cgroup", "memory.max"},                   // version 2
	} {
		dir := filepath.Join(try.parent, fmt.Sprintf("tcpproxy-attack-%d", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			// A process leaves its group a little after it has ended.
			for range 100 {
				if os.Remove(dir) == nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("the control group %s cannot be removed", dir)
		})
		if os.WriteFile(filepath.Join(dir, try.limit), fmt.Append(nil, bytes), 0o644) == nil {
			return filepath.Join(dir, "cgroup.procs")
		}
	}
	skip(t, "the test may not make a control group with a limit of memory")
	return ""
}

// Peers who do not read must not cost the proxy memory of its own for each: with hundreds of them, all stuck, and not much memory, it is
// not killed, and serves whoever comes meanwhile. What the system keeps in its buffers is counted apart or with it, as the system likes.
func TestStuckPeersWithLittleMemory(t *testing.T) {
	const limit = 128 << 20
	procs := group(t, limit)
	sessions := amount(300, 1500)
	l := listen(t, "127.0.0.1:0")
	serve(t, l, func(c *net.TCPConn) {
		first := make([]byte, 4)
		if _, err := io.ReadFull(c, first); err != nil || string(first) != "fill" {
			_, _ = c.Write(first)
			return
		}
		_ = c.SetWriteDeadline(time.Now().Add(patience))
		_, _ = io.Copy(c, noise(1)) // until it is stuck, and then until the session is over
	})
	prepare := wrapped("sh", "-c", `echo $$ >"$0" && exec "$@"`, procs)
	p := startPrepared(t, prepare, "127.0.0.1", l.Addr().String(), "--no-timeouts")
	before := p.holds()
	stuck := make([]*net.TCPConn, sessions)
	err := each(sessions, 32, func(i int) error {
		c, err := net.DialTimeout("tcp", p.addr, patience)
		if err != nil {
			return err
		}
		stuck[i] = c.(*net.TCPConn)
		_ = stuck[i].SetReadBuffer(4096)
		_, err = c.Write([]byte("fill"))
		return err
	})
	if err != nil {
		t.Error(err)
	}
	most := 0
	for range amount(20, 200) { // while they fill up, and then
		if p.hasEnded() {
			status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
			t.Fatalf("the proxy ended with %d peers stuck and %d bytes: %v", sessions, limit, status)
		}
		c := p.dial(t)
		if err := ping(c); err != nil {
			t.Fatalf("a new client is not served: %v", err)
		}
		_ = c.Close()
		most = max(most, p.memory())
		time.Sleep(25 * time.Millisecond)
	}
	t.Logf("%d sessions stuck; the proxy's resident set was %d MiB at most", sessions, most>>20)
	for _, c := range stuck {
		if c != nil {
			reset(c)
		}
	}
	p.givesBack(t, before)
}
