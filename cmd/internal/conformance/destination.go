package conformance

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// destination is where the forwarder connects to.
type destination struct {
	*net.TCPListener
	host string
	port int
	t    *Trial

	handlers sync.WaitGroup
}

// listen opens a destination on a port that the system chooses. A receiveBuffer of 0 leaves the size to the kernel.
func (t *Trial) listen(receiveBuffer int) (*destination, error) {
	return t.listenOn(loopback, 0, receiveBuffer)
}

func (t *Trial) listenOn(host string, port, receiveBuffer int) (*destination, error) {
	config := net.ListenConfig{Control: controlBuffer(receiveBuffer), KeepAlive: -1}
	l, err := config.Listen(context.Background(), "tcp", (&net.TCPAddr{IP: net.ParseIP(host), Port: port}).String())
	if err != nil {
		return nil, err
	}
	d := &destination{TCPListener: l.(*net.TCPListener), host: host, port: l.Addr().(*net.TCPAddr).Port, t: t}
	_ = d.SetDeadline(t.deadline)
	t.own(func() { d.Close() })
	t.mu.Lock()
	t.servers = append(t.servers, d)
	t.mu.Unlock()
	return d, nil
}

// accept returns the next connection that the forwarder makes.
func (d *destination) accept() (*peer, error) {
	conn, err := d.AcceptTCP()
	if err != nil {
		return nil, wrong("the forwarder to connect to the destination", "%s", describe(err))
	}
	return d.t.adopt(conn, "server"), nil
}

// serve hands every connection to fn, in a goroutine of its own, and closes it afterwards. It does not wait.
func (d *destination) serve(fn func(*peer)) {
	d.handlers.Go(func() {
		for {
			conn, err := d.AcceptTCP()
			if err != nil {
				return
			}
			server := d.t.adopt(conn, "server")
			d.handlers.Go(func() {
				defer server.Close()
				fn(server)
			})
		}
	})
}

// echo makes the destination return what it gets, to the end of the stream and including it.
func (d *destination) echo() { d.serve(echo) }

func echo(server *peer) {
	if _, err := io.CopyBuffer(struct{ io.Writer }{server}, struct{ io.Reader }{server}, make([]byte, 16<<10)); err == nil {
		_ = server.CloseWrite()
	}
}

// blackHole opens a destination that answers no connection: a listening socket whose queue is full and that nobody accepts from,
// for which Linux drops the connection requests.
func (t *Trial) blackHole() (port int, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	t.own(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	if err := unix.Listen(fd, 0); err != nil {
		return 0, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	addr := &net.TCPAddr{IP: net.ParseIP(loopback), Port: name.(*unix.SockaddrInet4).Port}
	for range 16 {
		conn, err := net.DialTimeout("tcp", addr.String(), 300*time.Millisecond)
		if err != nil {
			return addr.Port, nil // this one got no answer, and neither will the forwarder
		}
		t.own(func() { conn.Close() })
	}
	return 0, syscall.EBUSY
}

// closedPort returns a port on which nobody listens.
func (t *Trial) closedPort() (int, error) { return t.portPool.free() }
