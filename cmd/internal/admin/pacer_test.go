package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tcpproxy/messages"
)

// TestPacer: large answers take their time, all together; small ones do not wait for them.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pacer
		begun := time.Now()
		large := bytes.Repeat([]byte("0123456789abcdef"), paceBytes/4/16) // a quarter of a second's
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				var got bytes.Buffer
				p.write(&got, large, nil)
				if !bytes.Equal(got.Bytes(), large) {
					t.Errorf("%d of %d bytes, or others, were written", got.Len(), len(large))
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		asked := time.Now()
		var got bytes.Buffer
		p.write(&got, large[:paceChunk], nil)
		if waited := time.Since(asked); waited != 0 || got.Len() != paceChunk {
			t.Errorf("a small answer of %d bytes waited for %v", got.Len(), waited)
		}
		all.Wait()
		if took := time.Since(begun); took < 900*time.Millisecond || took > 1100*time.Millisecond {
			t.Errorf("a second's bytes took %v", took)
		}
		// A caller who has gone is not written to any more.
		begun = time.Now()
		p.write(broken{}, large, nil)
		if took := time.Since(begun); took > 50*time.Millisecond {
			t.Errorf("writing to somebody who had gone took %v", took)
		}
	})
}

// broken is a caller who has gone.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

// TestDeafCallersLoseTheirPlace: those who ask for much and read nothing are cut off while others are still being served, although they
// have taken all the places there are for requests.
func TestDeafCallersLoseTheirPlace(t *testing.T) {
	proxy := newFake()
	all := make(messages.Sessions, 20000) // more than the buffers between hold
	proxy.sessions = func(context.Context) (messages.Sessions, error) { return all, nil }
	server := proxy.serve(t, Config{})
	for range 40 {
		conn, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, _ = io.WriteString(conn, "GET /api/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	// An answer that is not paced, so that only the lack of a place can delay it.
	await := func(want int) {
		t.Helper()
		for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // as one who is told to come again
			if status, _ := call(t, server, "GET", "/api/tree", ""); status == want {
				return
			}
			if time.Since(begun) > chunkWithin+10*time.Second {
				t.Fatalf("there is no answer %d", want)
			}
		}
	}
	await(http.StatusServiceUnavailable)
	await(http.StatusOK)
}
