package admin

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// maxCallers is how many may be connected to the API at once, if there are descriptors enough.
const maxCallers = 32

// callersFor is how many callers may be connected to the API of a process that may have limit descriptors. They come out of those that
// the proxy does not give to sessions, of which the API may have about half: see reserved in package actors.
func callersFor(limit uint64) int { return int(max(2, min(maxCallers, limit/16))) }

func descriptorLimit() uint64 {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 1024
	}
	return uint64(r.Cur)
}

// crowd is the listener of the API: no more than limit callers are connected at once, so that they cannot take the descriptors of the
// sessions. To wait until one leaves would let a few silent callers keep the operator out. Instead a newcomer takes the place of
// the one that has been quiet for longest, that is, has no request which is being answered. Only when there is none does he wait.
type crowd struct {
	net.Listener
	limit int

	mu        sync.Mutex
	connected int
	quiet     list.List     // callers, the one that fell quiet first in front
	room      chan struct{} // holds a value after somebody has left or fallen quiet

	closeOnce sync.Once
	closed    chan struct{}
}

// caller is one connection.
type caller struct {
	*net.TCPConn
	crowd *crowd
	place *list.Element // in crowd.quiet; nil while a request is answered
	left  bool
}

func newCrowd(l net.Listener, limit int) *crowd {
	return &crowd{Listener: l, limit: limit, room: make(chan struct{}, 1), closed: make(chan struct{})}
}

// Accept is called by one goroutine at a time.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	for {
		if v := c.admit(conn.(*net.TCPConn)); v != nil {
			return v, nil
		}
		select {
		case <-c.room:
		case <-c.closed:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
	}
}

// Close also ends an Accept that waits for room.
func (c *crowd) Close() error {
	c.closeOnce.Do(func() { close(c.closed) })
	return c.Listener.Close()
}

// sendBuffer is how many bytes the system may hold for a caller: so that one who reads nothing shows soon, and costs little memory.
const sendBuffer = 64 << 10

// admit lets a newcomer in; nil if there is no room.
func (c *crowd) admit(conn *net.TCPConn) *caller {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connected >= c.limit {
		first := c.quiet.Front()
		if first == nil {
			return nil
		}
		_ = first.Value.(*caller).leave() // whoever is quiet longest has to go; it does not matter what closing says
	}
	_ = conn.SetWriteBuffer(sendBuffer)
	v := &caller{TCPConn: conn, crowd: c}
	c.connected++
	v.place = c.quiet.PushBack(v)
	return v
}

// Close is called by the HTTP server.
func (v *caller) Close() error {
	v.crowd.mu.Lock()
	defer v.crowd.mu.Unlock()
	return v.leave()
}

// leave takes crowd.mu to be held.
func (v *caller) leave() error {
	if v.left {
		return net.ErrClosed
	}
	v.left = true
	v.crowd.connected--
	v.crowd.unlist(v)
	v.crowd.announceRoom()
	return v.TCPConn.Close()
}

func (c *crowd) unlist(v *caller) {
	if v.place != nil {
		c.quiet.Remove(v.place)
		v.place = nil
	}
}

func (c *crowd) announceRoom() {
	select {
	case c.room <- struct{}{}:
	default:
	}
}

// speak notes that a request of the caller is being answered; false if he had to leave before.
func (v *caller) speak() bool {
	v.crowd.mu.Lock()
	defer v.crowd.mu.Unlock()
	v.crowd.unlist(v)
	return !v.left
}

// hush notes that the caller has got his answer.
func (v *caller) hush() {
	v.crowd.mu.Lock()
	defer v.crowd.mu.Unlock()
	if !v.left && v.place == nil {
		v.place = v.crowd.quiet.PushBack(v)
		v.crowd.announceRoom()
	}
}

type callerKey struct{}

// attach has an HTTP server tell the crowd who speaks.
func (c *crowd) attach(s *http.Server) {
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, callerKey{}, conn)
	}
	s.ConnState = func(conn net.Conn, state http.ConnState) {
		if v, ours := conn.(*caller); ours && state == http.StateIdle {
			v.hush()
		}
	}
	next := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Nothing is done for one who had to leave: he could not be told what.
		if v, ours := r.Context().Value(callerKey{}).(*caller); !ours || v.speak() {
			next.ServeHTTP(w, r)
		}
	})
}

// atMost refuses requests beyond so many at once: they would make those who look whether the proxy lives wait for room.
func atMost(limit int, next http.Handler) http.Handler {
	slots := make(chan struct{}, max(0, limit))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusServiceUnavailable, "too many requests at once: try again")
		}
	})
}
