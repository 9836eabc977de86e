//go:build linux

package attack

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"
)

// Whoever can reach the admin API can open connections to it and not go away. They may have those of the API, but not those of the
// proxy's clients: with few descriptors, hundreds of callers who are silent, slow, or keep a connection that they have used, and clients
// come and go meanwhile as ever.
func TestAdminClientsDoNotTakeTheDescriptors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// hold is what a caller does once it is connected.
		hold func(c net.Conn)
	}{
		{"silent", func(net.Conn) {}},
		{"slow headers", func(c net.Conn) { _, _ = c.Write([]byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow:")) }},
		{"kept alive", func(c net.Conn) {
			_, _ = c.Write([]byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // the later ones wait in the backlog, and are not answered
			_, _ = bufio.NewReader(c).ReadString('\n')
		}},
		{"half open", func(c net.Conn) {
			_, _ = c.Write([]byte("GET /api/tree HTTP/1.1\r\nHost: localhost\r\n"))
			_ = c.(*net.TCPConn).CloseWrite()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startAsked(t, withDescriptors(256), echoing(t), "--no-timeouts")
			stays := p.dial(t)
			if err := ping(stays); err != nil {
				t.Fatal(err)
			}
			before := p.holds()
			callers := amount(400, 3000)
			held := make([]net.Conn, callers)
			defer func() {
				for _, c := range held {
					if c != nil {
						_ = c.Close()
					}
				}
			}()
			err := each(callers, 100, func(i int) error {
				c, err := net.DialTimeout("tcp", p.admin, patience)
				if err != nil {
					return err
				}
				held[i] = c
				test.hold(c)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			// They go on being there, and more keep coming; it is now that clients come.
			err = each(amount(100, 1000), 20, func(int) error {
				c, err := net.DialTimeout("tcp", p.addr, patience)
				if err != nil {
					return err
				}
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(3 * time.Second)) // before the API's own timeouts could free anything
				return ping(c)
			})
			t.Logf("with %d callers there the proxy holds %+v", callers, p.holds())
			if err != nil {
				t.Errorf("clients are not served while callers hold connections to the API: %v", err)
			}
			if err := ping(stays); err != nil {
				t.Error(err)
			}
			for _, c := range held {
				_ = c.Close()
			}
			p.givesBack(t, before)
			if status, _, err := ask(p.caller(t), "GET", "http://"+p.admin+"/healthz", ""); status != 200 {
				t.Errorf("once they have gone the API answers %d, %v", status, err)
			}
		})
	}
}

// A caller who asks for much and reads none of it holds up neither clients nor other callers.
func TestAdminClientsThatDoNotRead(t *testing.T) {
	p := startAsked(t, nil, echoing(t), "--no-timeouts")
	for range 300 { // so that an answer is larger than the buffers between
		if err := ping(p.dial(t)); err != nil {
			t.Fatal(err)
		}
	}
	before := p.holds()
	deaf := make([]net.Conn, amount(10, 20)) // fewer than the API answers at a time, or else it would have to turn others away
	for i := range deaf {
		c, err := net.DialTimeout("tcp", p.admin, patience)
		if err != nil {
			t.Fatal(err)
		}
		deaf[i] = c
		_ = c.(*net.TCPConn).SetReadBuffer(2048)
		for range 50 { // one after the other, on one connection
			_, _ = fmt.Fprint(c, "GET /api/tree HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
	}
	for range 20 {
		p.serves(t)
	}
	if status, size, err := ask(p.caller(t), "GET", "http://"+p.admin+"/api/tree", ""); status != 200 || size == 0 {
		t.Errorf("another caller is answered %d, %d bytes, %v", status, size, err)
	}
	for _, c := range deaf {
		_ = c.Close()
	}
	p.givesBack(t, holdings{before.sockets + 1, before.pipes, before.others}) // the other caller's connection is kept alive
}
