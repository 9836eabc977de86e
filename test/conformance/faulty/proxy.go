package main

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// drainTimeout is how long the last connections may run on after a signal.
const drainTimeout = 30 * time.Second

// tick is how often the sessions are looked at.
const tick = 50 * time.Millisecond

// proxy accepts clients. The fields below the line are the places where a fault comes in; as newProxy leaves them, all is well.
type proxy struct {
	destination, listen string
	timeout             time.Duration

	mu       sync.Mutex
	sessions map[*session]bool
	live     sync.WaitGroup

	// -------------------------------------------------------------------------------------------------------------------------

	network    string                                    // what to listen on
	quietUsage bool                                      // say nothing of wrong arguments
	before     func(client *net.TCPConn)                 // called before connecting to the destination
	session    func(run func())                          // runs a session, on its own goroutine
	read       func(d *direction, b []byte) (int, error) // waits for bytes and reads them
	write      func(d *direction, b []byte) error        // passes on what was read
	ended      func(d *direction)                        // passes on the end of a stream
	failed     func(s *session, d *direction, err error) // ends a session of which a side is gone
	refused    func(client *net.TCPConn, err error)      // ends a client whose destination does not answer
	close      func(c *net.TCPConn)                      // closes a socket of a session that ended in order
	accepting  func(err error) error                     // what to do when accept fails
	drain      func()                                    // waits for the sessions after a signal
	hung       func(s *session, now time.Time) bool      // tells a session of which a side does not take its bytes
	idle       func(s *session, now time.Time) bool      // tells a session that is silent
	unread     func(s *session) bool                     // tells a session that only seems silent
	relay      func(client, server *net.TCPConn)         // relays between two sockets to their end

	survive      bool // let a worker relay, which may be killed; the rest is what is wrong then
	tellsNoReset bool // the worker keeps to itself that a side is gone
	forgetful    bool // the next worker gets no connections
	takesFirst   bool // the worker takes bytes before it has given them
	repeats      bool // the worker does not ask what was given before it
	hoards       bool // the keeper does not close the copies that it hands over
}

func newProxy(timeout time.Duration) *proxy {
	p := &proxy{timeout: timeout, sessions: map[*session]bool{}, network: "tcp"}
	p.before = func(*net.TCPConn) {}
	p.session = func(run func()) { run() }
	p.read = func(d *direction, b []byte) (int, error) { return d.from.Read(b) }
	p.write = func(d *direction, b []byte) error { return d.write(b) }
	p.ended = func(d *direction) { _ = d.to.CloseWrite() }
	p.failed = func(s *session, d *direction, _ error) { s.deliver(d); s.reset() }
	p.refused = func(client *net.TCPConn, _ error) { abort(client) }
	p.close = func(c *net.TCPConn) { c.Close() }
	p.accepting = func(error) error { time.Sleep(50 * time.Millisecond); return nil }
	p.drain = p.awaitSessions
	p.hung = func(s *session, now time.Time) bool {
		return s.up.hung(now, p.timeout) || s.down.hung(now, p.timeout)
	}
	p.idle = func(s *session, now time.Time) bool {
		return s.up.silent(now, p.timeout) && s.down.silent(now, p.timeout)
	}
	p.unread = (*session).unread
	p.relay = func(client, server *net.TCPConn) { p.run(newSession(p, client, server)) }
	return p
}

// serve accepts clients until a signal comes, and then waits for those that there are.
func (p *proxy) serve(signals <-chan os.Signal) error {
	l, err := net.Listen(p.network, p.listen)
	if err != nil {
		return err
	}
	stopping := make(chan struct{})
	go func() {
		<-signals
		close(stopping)
		l.Close()
	}()
	go p.watch()
	for {
		conn, err := l.Accept()
		if err == nil {
			go p.session(func() { p.serveClient(conn.(*net.TCPConn)) })
			continue
		}
		select {
		case <-stopping:
			p.drain()
			return nil
		default:
		}
		// Most likely there are no descriptors left. The client stays in the queue; later there may be one for it.
		if err := p.accepting(err); err != nil {
			return err
		}
	}
}

// serveClient connects to the destination and runs the session to its end.
func (p *proxy) serveClient(client *net.TCPConn) {
	p.before(client)
	conn, err := net.DialTimeout("tcp", p.destination, p.timeout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "faulty: %v\n", err)
		p.refused(client, err)
		return
	}
	p.live.Add(1)
	p.relay(client, conn.(*net.TCPConn))
	p.live.Done()
}

// run runs a session to its end, with the watch looking at it.
func (p *proxy) run(s *session) {
	p.mu.Lock()
	p.sessions[s] = true
	p.mu.Unlock()
	s.run()
	p.mu.Lock()
	delete(p.sessions, s)
	p.mu.Unlock()
}

func (p *proxy) awaitSessions() {
	done := make(chan struct{})
	go func() {
		p.live.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(drainTimeout):
	}
}

// watch ends the sessions that hang, and those that are silent.
func (p *proxy) watch() {
	for now := range time.Tick(tick) {
		p.mu.Lock()
		for s := range p.sessions {
			s.up.look(now)
			s.down.look(now)
			switch {
			case p.hung(s, now):
				s.reset()
			case p.idle(s, now) && !p.unread(s):
				s.close()
			}
		}
		p.mu.Unlock()
	}
}

// abort ends a connection with a reset.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0)
	c.Close()
}
