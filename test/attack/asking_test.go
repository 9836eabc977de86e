//go:build linux

package attack

import (
	"net"
	"testing"
	"time"
)

// Whoever asks the proxy what it does, as often as they can, holds up nobody's bytes. An actor that described thousands of sessions in
// one go, or a look at them under a lock, would.
func TestAskingStallsNobody(t *testing.T) {
	peers := startPingpong(t)
	p := startAsked(t, nil, peers.dest, "--no-timeouts", "--log-level", "info")
	sessions := amount(1500, 5000)
	crowd := make([]net.Conn, sessions)
	defer func() {
		for _, c := range crowd {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	err := each(sessions, 32, func(i int) (err error) {
		if crowd[i], err = net.DialTimeout("tcp", p.addr, patience); err != nil {
			return err
		}
		_ = crowd[i].SetDeadline(time.Now().Add(patience))
		b := []byte{1}
		if _, err = crowd[i].Write(b); err == nil {
			_, err = crowd[i].Read(b) // so that the session has come to relay
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	span := time.Duration(amount(3, 15)) * time.Second
	quiet := peers.measure(p.addr, span)
	stop := p.poll(t, 16)
	busy := peers.measure(p.addr, span)
	answers := stop()
	t.Logf("%d sessions, undisturbed: %v", sessions, quiet)
	t.Logf("%d sessions, 16 callers who got %d answers: %v", sessions, answers, busy)
	if answers == 0 {
		t.Error("nobody was answered")
	}
	worst := 500 * time.Millisecond
	if full() && !underRace() {
		worst = 50 * time.Millisecond
		if busy.P99 > 2*quiet.P99 {
			t.Errorf("p99 is %v while others ask, and %v while nobody does", busy.P99, quiet.P99)
		}
	}
	if busy.Worst > worst {
		t.Errorf("a byte took %v there and back while others asked, want %v at most", busy.Worst, worst)
	}
}
