package naive_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/lab/naive"
	"tcpproxy/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const reader = "listener/session-1/client-reader"

// begin starts a forwarder, and returns both ends of a connection through it that has carried something.
func begin(t *testing.T, cfg naive.Config) (f *naive.Forwarder, client, server net.Conn, events chan any) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg.Destination, events = l.Addr().String(), make(chan any, 100)
	if f, err = naive.Start(cfg, func(e any) { events <- e }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	if client, err = net.Dial("tcp", f.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	for _, c := range []net.Conn{client, server} {
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	}
	say(t, client, server, "hello")
	say(t, server, client, "good day")
	return f, client, server, events
}

func say(t *testing.T, from, to net.Conn, what string) {
	t.Helper()
	heard := make([]byte, len(what))
	_, wrote := from.Write([]byte(what))
	if _, read := io.ReadFull(to, heard); wrote != nil || read != nil || string(heard) != what {
		t.Fatalf("%q was heard: %v, %v", heard, wrote, read)
	}
}

// await waits for an event of a kind.
func await[E any](t *testing.T, events chan any) E {
	t.Helper()
	for late := time.After(20 * time.Second); ; {
		select {
		case e := <-events:
			if e, ok := e.(E); ok {
				return e
			}
		case <-late:
			t.Fatalf("no %T", *new(E))
		}
	}
}

// TestOrdinaryEnd: each side says that this was all, and both hear of it.
func TestOrdinaryEnd(t *testing.T) {
	_, client, server, events := begin(t, naive.Config{})
	for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
		_ = ends[0].(*net.TCPConn).CloseWrite()
		if n, err := ends[1].Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
	if e := await[messages.SessionClosed](t, events); e.Cause != messages.CauseFinished {
		t.Errorf("got %+v", e)
	}
}

// TestWhatIsHeldIsLost, without a word, and the connection goes on.
func TestWhatIsHeldIsLost(t *testing.T) {
	reads := 0
	f, client, server, events := begin(t, naive.Config{Fault: func(at actors.Point, who string) {
		if at == actors.PointAfterRead && who == reader {
			if reads++; reads == 2 { // the first was the greeting
				panic("a test")
			}
		}
	}})
	_, _ = client.Write([]byte("lost"))
	if e := await[messages.ActorRestarted](t, events); e.PID != reader || e.Restarts != 1 || e.After <= 0 {
		t.Errorf("got %+v", e)
	}
	say(t, client, server, "found")
	if err := f.Kill("listener/session-2", actors.KillPanic, "a test"); !errors.Is(err, actors.ErrNoActor) {
		t.Errorf("got %v", err)
	}
}

// TestGoneForGood: a child that is stopped, or fails too often, takes the connection with it.
func TestGoneForGood(t *testing.T) {
	for _, mode := range []string{actors.KillStop, actors.KillPanic} {
		f, client, server, events := begin(t, naive.Config{MaxRestarts: 1})
		for range 2 {
			if err := f.Kill(reader, mode, "a test"); err != nil {
				break // it is gone already
			}
		}
		_, _ = client.Write([]byte("wake up"))
		if e := await[messages.SessionClosed](t, events); e.Cause != messages.CauseSupervision {
			t.Errorf("%s: got %+v", mode, e)
		}
		if n, err := server.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
			t.Errorf("%s: %d bytes, %v", mode, n, err)
		}
	}
}
