package actors

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

const (
	// stagger is how long an attempt to connect may be alone before the next address is tried beside it (RFC 8305, section 5).
	stagger = 250 * time.Millisecond
	// shortage is how long a session waits when the system has no descriptor or port to give, before it asks again.
	shortage = 100 * time.Millisecond
)

// dialing is what a session knows while it connects. It is kept in the connection, so a session that is killed goes on where it was.
type dialing struct {
	deadline int64 // Loop.Now
	resolved bool
	addrs    []netip.Addr // still to try, best first
	tries    []*try       // that have been started and have not failed
	first    try          // mostly there is but one
	only     [1]*try
	err      error // why the best of the failed attempts failed
	starving bool  // counted in descriptors.starving
}

// try is an attempt to connect to one address.
type try struct {
	socket wire.Socket
	to     addrPort
	conn   *connection
	told   wire.Event // what the loop has said so far
}

// Ready is told by the loop: the attempt succeeded or failed.
func (t *try) Ready(e wire.Event) {
	t.told |= e
	t.conn.session.ring(review)
}

func (d *dialing) abandon(e *endpoint) {
	d.starve(e, false)
	for _, t := range d.tries {
		t.socket.Reset() // an orderly end would tell the destination that somebody came and had nothing to say
	}
	d.tries = nil
}

// starve notes whether the session waits for a descriptor, so that the acceptor does not take it away.
func (d *dialing) starve(e *endpoint, yes bool) {
	if d.starving == yes {
		return
	}
	d.starving = yes
	if yes {
		e.descriptors.starving.Add(1)
	} else {
		e.descriptors.starving.Add(-1)
	}
}

// connecting is the behavior until the destination has accepted.
func (s *Session) connecting(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *messages.Resolved:
		s.resolved(ctx, m.Addrs, m.Err)
	case messages.Review:
		s.answered(ctx)
	case *actor.ReceiveTimeout:
		s.connectTimeout(ctx)
	default:
		s.conn.endpoint.unknown(ctx)
	}
}

// connect watches the client and begins to connect to the destination, or goes on with it.
func (s *Session) connect(ctx actor.Context) {
	c, e := s.conn, s.conn.endpoint
	loop := e.lane.loop
	if c.fd >= 0 {
		fd := int(c.fd)
		c.fd = -1
		if err := c.socket[client].Open(loop, fd, (*clientSide)(c)); err != nil {
			s.end(messages.CauseConnectFailed, err)
			return
		}
		if !c.restored() {
			publish(e, messages.SessionAccepted{ID: c.id, PID: c.session.pid.Id, Client: c.peer[client]})
		}
	}
	if c.dialing == nil {
		c.dialing = &dialing{deadline: c.opened + min(int64(e.cfg.ConnectTimeout), math.MaxInt64-c.opened)}
		c.dialing.tries = c.dialing.only[:0]
	}
	s.fault(PointConnect)
	if !c.dialing.resolved {
		if addrs, known := e.resolver.lookup(c.session.pid); known {
			s.resolved(ctx, addrs, nil)
			return
		}
	}
	s.answered(ctx)
}

// resolved begins with the first address.
func (s *Session) resolved(ctx actor.Context, addrs []netip.Addr, err error) {
	d := s.conn.dialing
	if d.resolved {
		return
	}
	if err != nil {
		cause := messages.CauseUnresolved
		if errors.Is(err, errItself) {
			cause = messages.CauseRefused
		}
		s.end(cause, err)
		return
	}
	d.resolved, d.addrs = true, addrs
	s.tryNext(ctx)
}

// tryNext starts an attempt to connect to the next address, and sees to it that the one after that gets its turn.
func (s *Session) tryNext(ctx actor.Context) {
	c, e := s.conn, s.conn.endpoint
	d := c.dialing
	for len(d.addrs) > 0 {
		t := &d.first
		if t.conn != nil {
			t = new(try)
		}
		*t = try{conn: c, to: netip.AddrPortFrom(d.addrs[0], e.cfg.Port)}
		err := t.socket.Dial(e.lane.loop, t.to, t)
		d.starve(e, isShortage(err))
		if d.starving {
			d.failed(t.to, err)
			s.wait(shortage)
			return
		}
		d.addrs = d.addrs[1:]
		if err == nil {
			d.tries = append(d.tries, t)
			s.wait(stagger)
			return
		}
		d.failed(t.to, err)
	}
	if len(d.tries) == 0 {
		s.unconnected()
		return
	}
	s.wait(s.conn.endpoint.cfg.ConnectTimeout)
}

// wait sets the timeout to d, or to what remains of the time to connect if that is less.
func (s *Session) wait(d time.Duration) {
	remains := time.Duration(s.conn.dialing.deadline - s.conn.endpoint.lane.loop.Now())
	s.setReceiveTimeout(max(min(d, remains), time.Millisecond))
}

// answered looks which attempts have an answer: the first that succeeded is the connection, and a failure lets the next address begin.
func (s *Session) answered(ctx actor.Context) {
	c := s.conn
	// A client that has gone and has left bytes behind is delivered first, as if it had gone a moment later.
	if c.socket[client].IsBroken() && c.socket[client].Unread() == 0 {
		s.end(messages.CauseClientReset, nil)
		return
	}
	d := c.dialing
	pending := d.tries[:0]
	failed := false
	for _, t := range d.tries {
		if t.told == 0 {
			pending = append(pending, t)
			continue
		}
		err := t.socket.ConnectError()
		if err == nil {
			s.connected(ctx, t)
			return
		}
		t.socket.Close()
		d.failed(t.to, err)
		failed = true
	}
	d.tries = pending
	switch {
	case !d.resolved:
		s.wait(s.conn.endpoint.cfg.ConnectTimeout)
	case failed || len(d.tries) == 0:
		s.tryNext(ctx)
	default:
		s.wait(stagger)
	}
}

// connectTimeout runs on the receive-timeout: the time is up, or the next address may begin.
func (s *Session) connectTimeout(ctx actor.Context) {
	d := s.conn.dialing
	if int64(s.conn.endpoint.lane.loop.Since()) < d.deadline {
		if d.resolved {
			s.tryNext(ctx)
		} else {
			s.wait(s.conn.endpoint.cfg.ConnectTimeout)
		}
		return
	}
	s.answered(ctx) // the process may have been stopped for a while: an answer that has come counts
	if s.conn.state != connecting {
		return
	}
	if d.err != nil && len(d.tries) == 0 {
		s.unconnected()
		return
	}
	s.conn.endpoint.resolver.forget()
	s.end(messages.CauseConnectTimeout, fmt.Errorf("no answer within %v", s.conn.endpoint.cfg.ConnectTimeout))
}

// connected makes the attempt's socket the connection's, and begins to relay.
func (s *Session) connected(ctx actor.Context, t *try) {
	s.fault(PointConnected)
	c, e := s.conn, s.conn.endpoint
	t.socket.Move(&c.socket[server], (*serverSide)(c))
	c.peer[server] = t.to
	c.early[server] = t.told
	c.dialing.abandon(e)
	c.dialing = nil
	c.state = relaying
	c.progress.begin(e.lane.loop.Now())
	c.keepServer(e.lane.loop.Now())
	s.spawnChildren(ctx)
	publish(e, messages.SessionOpened{
		ID: c.id, PID: c.session.pid.Id, Client: c.peer[client], Server: c.peer[server],
		Took: e.lane.loop.Since() - time.Duration(c.opened),
	})
}

// unconnected ends the session when no address is left to try.
func (s *Session) unconnected() {
	s.conn.endpoint.resolver.forget()
	err := s.conn.dialing.err
	s.end(causeOf(err), err)
}

func (d *dialing) failed(to addrPort, err error) {
	err = fmt.Errorf("connect %v: %w", to, err)
	if d.err == nil || causeOf(err) == messages.CauseRefused {
		d.err = err // a refusal says most: something is there, and does not listen
	}
}

// causeOf classifies why connecting failed.
func causeOf(err error) messages.Cause {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return messages.CauseRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETDOWN),
		errors.Is(err, syscall.EHOSTDOWN), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return messages.CauseUnreachable
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, os.ErrDeadlineExceeded):
		return messages.CauseConnectTimeout
	case errors.As(err, &dns):
		return messages.CauseUnresolved
	default:
		return messages.CauseConnectFailed
	}
}

// isShortage reports whether an error says that the system has nothing to give just now: nobody's fault, and it will pass.
func isShortage(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}
