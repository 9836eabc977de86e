//go:build linux

package survive

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/program"
)

// TestMany kills the worker under sessions of which each has something to say at that moment, and measures how long they wait for the
// answer: that is what a user may notice of the kill.
func TestMany(t *testing.T) {
	for _, sessions := range []int{200, 5000} {
		t.Run(fmt.Sprint(sessions), func(t *testing.T) { many(t, sessions) })
	}
}

// gapsEnough is how long the first answer may take, at worst. It is met ten times over on a machine that has nothing else to do.
const gapsEnough = 5 * time.Second

func many(t *testing.T, n int) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if most := int(min(limit.Cur, 1<<20))*4/10 - 100; n > most { // two descriptors a session, here and in the proxy, and some to spare
		t.Logf("only %d sessions: so many descriptors may be open", most)
		n = most
	}
	p := program.Start(t, plain, nil, startEcho(t).addr(), "--survive", "--max-restarts", "1000", "--idle-timeout", "0")
	m := state(t, p)
	sessions := openIdle(t, p.Addr, n)
	for kill := range 5 {
		answers := sessions.gap(t, byte(kill), func() time.Time {
			killWhenReady(t, p, m)
			return time.Now()
		})
		t.Logf("%d sessions, kill %d: the first is answered after %v, the median after %v, the last after %v",
			n, kill+1, answers[0], answers[len(answers)/2], answers[len(answers)-1])
		if answers[0] > gapsEnough {
			t.Errorf("the first answer took %v", answers[0])
		}
	}
	sessions.use(t)
	sessions.close()
	drainAndEnd(t, p)
}

// gap sends a byte over each session right after a kill, and measures when it comes back, counted from the kill.
func (all idleSessions) gap(t *testing.T, b byte, kill func() time.Time) (answers []time.Duration) {
	t.Helper()
	answers = make([]time.Duration, len(all))
	var waiting sync.WaitGroup
	var killed time.Time
	sent := make(chan struct{})
	for i, c := range all {
		waiting.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(patience))
			var got [2]byte
			n, err := c.Read(got[:])
			at := time.Now()
			<-sent
			if answers[i] = at.Sub(killed); err != nil || n != 1 || got[0] != b {
				t.Errorf("session %d: got % x, %v; want %x", i+1, got[:n], err, b)
			}
		})
	}
	killed = kill()
	for _, c := range all {
		if err := write(c, b); err != nil {
			t.Error(err)
		}
	}
	close(sent)
	waiting.Wait()
	slices.Sort(answers)
	return answers
}

func write(c net.Conn, b byte) error {
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.Write([]byte{b})
	return err
}
