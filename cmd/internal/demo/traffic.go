package demo

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// pingEvery is how often the client that plays ping-pong has its turn.
	pingEvery = 250 * time.Millisecond
	// againAfter is how long a client whose connection has ended waits before it makes another.
	againAfter = time.Second
)

// Traffic is a few clients that use the demo's server through the proxy, one of each kind: a download at a steady pace, a ping-pong, and
// one that has closed its half of the connection and goes on reading. Whoever is cut off comes again. Start is called once at most; the
// other methods may be called from any goroutine, and as often as one likes.
type Traffic struct {
	ctx     context.Context
	leave   context.CancelFunc
	clients sync.WaitGroup
}

// NewTraffic makes the clients; they wait for Start.
func NewTraffic() *Traffic {
	t := &Traffic{}
	t.ctx, t.leave = context.WithCancel(context.Background())
	return t
}

// Start has them connect to addr, a host:port. It does not wait.
func (t *Traffic) Start(addr string) {
	for _, use := range []func(context.Context, *net.TCPConn) error{download, pingPong, halfClosed} {
		t.clients.Go(func() { t.keepUsing(addr, use) })
	}
}

// Leave has them close their connections, and not come again. It does not wait.
func (t *Traffic) Leave() { t.leave() }

// Stop has them leave, and returns when all are gone.
func (t *Traffic) Stop() {
	t.leave()
	t.clients.Wait()
}

// keepUsing is the life of one client.
func (t *Traffic) keepUsing(addr string, use func(context.Context, *net.TCPConn) error) {
	var dialer net.Dialer
	for {
		if conn, err := dialer.DialContext(t.ctx, "tcp", addr); err == nil {
			closed := context.AfterFunc(t.ctx, func() { _ = conn.Close() })
			_ = use(t.ctx, conn.(*net.TCPConn)) // that it was cut off is to be seen in the proxy, not here
			closed()
			_ = conn.Close()
		}
		if !pause(t.ctx, againAfter) {
			return
		}
	}
}

// pause returns false if it was cut short.
func pause(ctx context.Context, span time.Duration) bool {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// request asks for a page; HTTP by hand, since a client of package http would keep connections to itself.
func request(conn net.Conn, page, connection string) error {
	_, err := io.WriteString(conn, "GET "+page+" HTTP/1.1\r\nHost: demo\r\nConnection: "+connection+"\r\n\r\n")
	return err
}

func download(_ context.Context, conn *net.TCPConn) error {
	if err := request(conn, "/~rtm/steady", "close"); err != nil {
		return err
	}
	return readOn(conn)
}

func halfClosed(_ context.Context, conn *net.TCPConn) error {
	if err := request(conn, "/~rtm/drip", "close"); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	return readOn(conn)
}

func pingPong(ctx context.Context, conn *net.TCPConn) error {
	answers := bufio.NewReader(conn)
	for {
		if err := request(conn, "/~rtm/ok", "keep-alive"); err != nil {
			return err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return err
		}
		if !pause(ctx, pingEvery) {
			return ctx.Err()
		}
	}
}

// readOn reads until there is no more.
func readOn(conn *net.TCPConn) error {
	for buffer := make([]byte, 64<<10); ; {
		if _, err := conn.Read(buffer); err != nil {
			return err
		}
	}
}
