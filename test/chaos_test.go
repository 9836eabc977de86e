package test

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// TestChaos has the proxy's own chaos kill children while one client talks to an echo. Nothing may be lost, only what the glob matches
// may be killed, and the same seed must pick the same kinds in the same order.
func TestChaos(t *testing.T) {
	const seed, want = 7, 30
	first := chaosKinds(t, seed, want)
	if again := chaosKinds(t, seed, want); !slices.Equal(first, again) {
		t.Errorf("seed %d killed\n%v, then\n%v", seed, first, again)
	}
	if other := chaosKinds(t, seed+1, want); slices.Equal(first, other) {
		t.Errorf("seeds %d and %d both killed\n%v", seed, seed+1, first)
	}
}

// chaosKinds talks through a proxy with chaos until so many actors have been killed; it returns their kinds in order.
func chaosKinds(t *testing.T, seed uint64, kills int) (kinds []string) {
	t.Helper()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	killed := make(chan messages.ActorKilled, 10*kills)
	proxy, err := actors.Start(actors.Config{
		Host: "127.0.0.1", Port: uint16(echo.Addr().(*net.TCPAddr).Port), ListenHost: "127.0.0.1",
		MaxRestarts: 1 << 20, Chaos: 200, ChaosSeed: seed, ChaosTarget: "*/*/*er",
	}, func(event any) {
		if e, ok := event.(messages.ActorKilled); ok {
			select {
			case killed <- e:
			default: // more than the test wants
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		proxy.Stop()
		<-proxy.Done()
	}()
	conn, err := net.Dial("tcp", proxy.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for i := 0; len(kinds) < kills; i++ {
		sent := []byte(strings.Repeat(string(rune('a'+i%26)), 1+i*37%3000))
		if _, err := conn.Write(sent); err != nil {
			t.Fatalf("after %d kills: %v", len(kinds), err)
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(sent) {
			t.Fatalf("after %d kills an exchange came back wrong: %v", len(kinds), err)
		}
		for more := true; more && len(kinds) < kills; {
			select {
			case e := <-killed:
				if !strings.HasPrefix(e.PID, "listener/session-1/") || !strings.HasSuffix(e.PID, e.Kind) {
					t.Fatalf("killed %+v", e)
				}
				kinds = append(kinds, e.Kind)
			default:
				more = false
			}
		}
	}
	return kinds
}
