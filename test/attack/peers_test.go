//go:build linux

package attack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// listen opens a destination until the end of the test.
func listen(t *testing.T, addr string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

// serve gives every connection of a destination to serve, until the end of the test, and then waits for all of them.
func serve(t *testing.T, l *net.TCPListener, serve func(*net.TCPConn)) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[*net.TCPConn]bool{}
	all.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Go(func() {
				serve(c)
				_ = c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
}

// echo sends back what comes.
func echo(c *net.TCPConn) { _, _ = io.Copy(c, c) }

// echoing starts a destination that echoes, on loopback.
func echoing(t *testing.T) (addr string) {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	serve(t, l, echo)
	return l.Addr().String()
}

// dial connects to the proxy. The deadline is for all that follows, so that no test hangs.
func (p *proxy) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	return c.(*net.TCPConn)
}

// ping sends a few bytes and waits for their echo.
func ping(c net.Conn) error {
	if _, err := c.Write([]byte("ping")); err != nil {
		return err
	}
	var back [4]byte
	if _, err := io.ReadFull(c, back[:]); err != nil {
		return err
	}
	if string(back[:]) != "ping" {
		return fmt.Errorf("%q came back", back)
	}
	return nil
}

// serves fails the test unless a new client is served by an echoing destination.
func (p *proxy) serves(t *testing.T) {
	t.Helper()
	c := p.dial(t)
	if err := ping(c); err != nil {
		t.Fatalf("a new client is not served: %v", err)
	}
	_ = c.Close()
}

// noise is an endless stream of bytes, the same for the same number.
func noise(n uint64) io.Reader {
	return rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
}

// same reads size bytes and compares them with those of a stream.
func same(r, want io.Reader, size int) error {
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for done := 0; done < size; {
		n, err := r.Read(a[:min(len(a), size-done)])
		_, _ = io.ReadFull(want, b[:n])
		if !bytes.Equal(a[:n], b[:n]) {
			return fmt.Errorf("of the %d bytes after the %dth, some are wrong", n, done)
		}
		if done += n; err != nil && done < size {
			return fmt.Errorf("only %d of %d bytes: %w", done, size, err)
		}
	}
	return nil
}

// reset ends a connection with a RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// each runs f for 0 to n-1, so many at a time, and joins the errors. After some it gives up: each may have taken all the patience there is.
func each(n, atATime int, f func(i int) error) error {
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	next := 0
	for range atATime {
		all.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				enough := len(errs) >= 5
				mu.Unlock()
				if i >= n || enough {
					return
				}
				if err := f(i); err != nil {
					mu.Lock()
					errs = append(errs, fmt.Errorf("%d: %w", i, err))
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// caller is a caller of the admin API with connections of its own, which are closed at the end of the test.
func (p *proxy) caller(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// ask sends one request, and reads the answer without looking at it.
func ask(client *http.Client, method, url, body string) (status int, size int64, err error) {
	request, err := http.NewRequest(method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	size, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode, size, err
}

// poll asks what there is as fast as it can, from so many callers at once, until stop is called. stop returns how many answers came.
func (p *proxy) poll(t *testing.T, callers int) (stop func() (answers int64)) {
	t.Helper()
	client := p.caller(t)
	over := make(chan struct{})
	var all sync.WaitGroup
	var mu sync.Mutex
	var answers int64
	for i := range callers {
		url := "http://" + p.admin + []string{"/api/tree", "/api/sessions"}[i%2]
		all.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if status, _, err := ask(client, "GET", url, ""); err == nil && status == http.StatusOK {
					mu.Lock()
					answers++
					mu.Unlock()
				}
			}
		})
	}
	var once sync.Once
	stop = func() int64 {
		once.Do(func() { close(over) })
		all.Wait()
		client.CloseIdleConnections()
		return answers
	}
	t.Cleanup(func() { stop() })
	return stop
}
