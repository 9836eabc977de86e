package test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// TestResetWhileConnecting has clients send a few bytes and reset at once, most of them before the proxy has connected for them. Each
// time the destination must get the bytes and then a reset, as if there were no proxy: an empty stream that ends in order would be a lie.
func TestResetWhileConnecting(t *testing.T) {
	r := newRig(t, actors.Config{})
	for i := range 300 {
		client, err := net.DialTimeout("tcp", r.proxy.Addr().String(), patience)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		_ = client.(*net.TCPConn).SetLinger(0)
		_ = client.Close()
		select {
		case server := <-r.arrivals:
			_ = server.SetDeadline(time.Now().Add(patience))
			got, err := io.ReadAll(server)
			_ = server.Close()
			if string(got) != "hello" || !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("client %d: the destination got %q, then %v", i, got, err)
			}
		case <-time.After(patience):
			t.Fatal("the destination saw nobody")
		}
	}
}

// TestResetWithoutAWordWhileConnecting: a client that has left nothing behind is not worth connecting for. The attempt is given up with a
// reset, or has not been seen at all.
func TestResetWithoutAWordWhileConnecting(t *testing.T) {
	asked := make(chan struct{}, 1)
	r := newRig(t, actors.Config{Host: "origin.test", Lookup: func(ctx context.Context, _ string) ([]netip.Addr, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}, ConnectTimeout: patience})
	client, err := net.DialTimeout("tcp", r.proxy.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	<-asked
	_ = client.(*net.TCPConn).SetLinger(0)
	_ = client.Close()
	if e, err := r.awaitClosed("listener/session-1"); err != nil || e.Cause != messages.CauseClientReset {
		t.Errorf("the session ended with %v, %v", e.Cause, err)
	}
}

// TestForwardsToItself: the proxy refuses a destination that is the proxy, at the start if it can be known, else client by client.
func TestForwardsToItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	_ = l.Close()
	cfg := actors.Config{Host: "127.0.0.1", Port: port, ListenHost: "127.0.0.1", ListenPort: port}
	if p, err := actors.Start(cfg, nil); err == nil {
		t.Error("a proxy of itself was started")
		p.Stop()
		<-p.Done()
	} else if !strings.Contains(err.Error(), "forward to itself") {
		t.Error(err)
	}

	closed := make(chan messages.SessionClosed, 10)
	cfg.Host = "me.test"
	cfg.Lookup = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	p, err := actors.Start(cfg, func(event any) {
		if e, ok := event.(messages.SessionClosed); ok {
			closed <- e
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.DialTimeout("tcp", p.Addr().String(), patience)
	if err == nil {
		defer client.Close()
	}
	select {
	case e := <-closed:
		if e.Cause != messages.CauseRefused || e.Err == nil || !strings.Contains(e.Err.Error(), "forward to itself") {
			t.Errorf("the session ended with %v: %v", e.Cause, e.Err)
		}
	case <-time.After(patience):
		t.Error("the session lives")
	}
	p.Stop()
	<-p.Done()
	if n := len(closed); n != 0 {
		t.Errorf("%d more sessions", n)
	}
}
