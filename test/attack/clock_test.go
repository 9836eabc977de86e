//go:build linux

package attack

import (
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A machine that sleeps, or a process that is stopped, loses time: when it goes on every timer is due at once. Sessions whose peers have
// not been silent must not be taken for idle, nor for hung, however often that happens and whatever they were about. A true jump of the
// clock cannot be had without changing that of the machine.
func TestTimeThatIsLost(t *testing.T) {
	t.Parallel()
	p := startProxy(t, echoing(t), "--idle-timeout", "1s", "--hang-timeout", "1s", "--log-level", "info")
	random := chance(t)
	talkers := amount(50, 500)
	over := make(chan struct{})
	talked := make(chan error, 1)
	var connected sync.WaitGroup
	connected.Add(talkers)
	go func() {
		talked <- each(talkers, talkers, func(i int) error {
			// Each talks from when it is connected: one that waited for the others to connect would be idle.
			c, err := net.DialTimeout("tcp", p.addr, patience)
			if err == nil {
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(patience))
				err = ping(c)
			}
			connected.Done()
			for err == nil && !isClosed(over) {
				_ = c.SetDeadline(time.Now().Add(patience))
				err = ping(c)
				time.Sleep(time.Duration(i%10) * 10 * time.Millisecond) // some talk without a break, some with
			}
			return err
		})
	}()
	connected.Wait()
	for range amount(3, 20) {
		p.signal(syscall.SIGSTOP)
		time.Sleep(time.Second + time.Duration(random.Int64N(int64(time.Second)))) // how long it is stopped is what the test is about
		p.signal(syscall.SIGCONT)
		time.Sleep(time.Duration(random.Int64N(int64(600 * time.Millisecond))))
	}
	close(over)
	if err := <-talked; err != nil {
		t.Errorf("a session whose peers talk was cut: %v", err)
	}
}

// A machine may have been up for very long, or hardly at all; timeouts are spans, and do not depend on where the clock stands. A clock
// of 32 bits of milliseconds comes round after 49 days: one proxy is started just before.
func TestClocksThatStandElsewhere(t *testing.T) {
	t.Parallel()
	for name, seconds := range map[string]string{"ten years": "315360000", "49 days": "4294965"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			elsewhere := []string{"unshare", "--time", "--monotonic", seconds, "--boottime", seconds}
			if out, err := exec.Command(elsewhere[0], append(elsewhere[1:], "true")...).CombinedOutput(); err != nil {
				skip(t, "the test may not make a time namespace: "+strings.TrimSpace(string(out)))
			}
			p := startPrepared(t, wrapped(elsewhere...), "127.0.0.1", echoing(t), "--idle-timeout", "2s", "--hang-timeout", "2s")
			c := p.dial(t)
			started := time.Now()
			for time.Since(started) < 3*time.Second {
				if err := ping(c); err != nil {
					t.Fatalf("a session whose peers talk was cut after %v: %v", time.Since(started), err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			quiet := time.Now()
			_, err := c.Read(make([]byte, 1))
			if took := time.Since(quiet); err == nil || took < time.Second || took > 4*time.Second {
				t.Errorf("a silent session ended after %v with %v, want 2 s", took, err)
			}
		})
	}
}
