//go:build linux

package main

import (
	"testing"

	"golang.org/x/sys/unix"

	"tcpproxy/test/bench/internal/loadctl"
)

// direct returns clients that reach a destination without any proxy between:
// whatever goes wrong here is the load generator's own fault.
func direct(t *testing.T) *clients {
	t.Helper()
	listener, port, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := serveOn(listener); err != nil {
			t.Error(err)
		}
	}()
	poll, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	return &clients{
		dialer: dialer{to: unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}},
		poll:   poll,
	}
}

func obey(t *testing.T, c *clients, command loadctl.Command) loadctl.Reply {
	t.Helper()
	reply, err := c.obey(command)
	if err != nil {
		t.Fatalf("%+v: %v", command, err)
	}
	return reply
}

func TestRoundTripsOverOpenConnections(t *testing.T) {
	c := direct(t)
	obey(t, c, loadctl.Command{Do: loadctl.Open, Count: 50})
	obey(t, c, loadctl.Command{Do: loadctl.Open, Count: 200}) // adds 150
	if len(c.conns) != 200 {
		t.Fatalf("%d connections open, want 200", len(c.conns))
	}
	for _, inTurn := range []bool{false, true} {
		reply := obey(t, c, loadctl.Command{Do: loadctl.RoundTrips, Count: 16, InTurn: inTurn, Millis: 30})
		if reply.Count < 16 || reply.P50 <= 0 || reply.P99 < reply.P50 || reply.P999 < reply.P99 {
			t.Errorf("in turn %v: %+v", inTurn, reply)
		}
		for number, client := range c.conns {
			if client.busy {
				t.Fatalf("connection %d still waits for a reply", number)
			}
		}
	}
	if _, err := c.obey(loadctl.Command{Do: loadctl.RoundTrips, Count: 201, Millis: 1}); err == nil {
		t.Error("more connections driven than there are")
	}
}

func TestSessionsEnd(t *testing.T) {
	c := direct(t)
	reply := obey(t, c, loadctl.Command{Do: loadctl.Sessions, Count: 8, Millis: 30})
	if reply.Count < 8 || reply.P50 <= 0 {
		t.Errorf("%+v", reply)
	}
}

func TestBulkMovesEveryByte(t *testing.T) {
	c := direct(t)
	for _, direction := range []string{loadctl.Up, loadctl.Down, loadctl.Both} {
		reply := obey(t, c, loadctl.Command{Do: loadctl.Bulk, Direction: direction, Count: 2, Bytes: 8_000_000})
		if reply.Bytes != 8_000_000 {
			t.Errorf("%s: %d bytes, want 8000000", direction, reply.Bytes)
		}
	}
	reply := obey(t, c, loadctl.Command{Do: loadctl.Bulk, Direction: loadctl.Both, Count: 2, Millis: 30})
	if reply.Bytes == 0 || reply.Seconds < 0.03 {
		t.Errorf("until the time is up: %+v", reply)
	}
}

func TestUnknownCommandIsRefused(t *testing.T) {
	if _, err := new(clients).obey(loadctl.Command{Do: "dance"}); err == nil {
		t.Error("an unknown command was obeyed")
	}
}
