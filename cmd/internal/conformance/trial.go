package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Trial is one run of one case. It owns everything that the run opens, and releases it all at the end.
type Trial struct {
	c        Case
	opts     *Options
	ctx      context.Context
	deadline time.Time
	rng      *rand.Rand // for the case's own goroutine only
	portPool *ports

	over  chan struct{} // closed when the sockets are
	moved atomic.Int64  // how many bytes have arrived at the peers

	mu         sync.Mutex
	released   bool
	closers    []func()
	forwarders []*forwarder
	servers    []*destination
	doing      string
	notes      []string
}

// loopback is where clients and destinations live.
const loopback = "127.0.0.1"

// step says what the case does now; the report of a trial that ran out of time tells it.
func (t *Trial) step(format string, args ...any) {
	t.mu.Lock()
	t.doing = fmt.Sprintf(format, args...)
	t.mu.Unlock()
}

// note adds a reading to the report: something measured that is neither right nor wrong.
func (t *Trial) note(format string, args ...any) {
	t.mu.Lock()
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
	t.mu.Unlock()
}

// own makes the trial close something at its end.
func (t *Trial) own(closer func()) {
	t.mu.Lock()
	if !t.released {
		t.closers = append(t.closers, closer)
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	closer()
}

// hangUp closes every socket of the trial, so that nothing waits for them any more.
func (t *Trial) hangUp() {
	t.mu.Lock()
	closers := t.closers
	if !t.released {
		close(t.over)
	}
	t.closers, t.released = nil, true
	t.mu.Unlock()
	for _, closer := range closers {
		closer()
	}
}

// gone is closed when the trial's sockets are: because one of the functions that run together has failed, or the time is up.
func (t *Trial) gone() <-chan struct{} { return t.over }

// release gives back all that the trial holds: sockets first, since a forwarder that is killed with its connections open would
// leave the peers' side of the story muddled.
func (t *Trial) release() {
	t.hangUp()
	t.mu.Lock()
	forwarders, servers := t.forwarders, t.servers
	t.mu.Unlock()
	for _, d := range servers {
		d.handlers.Wait()
	}
	for _, f := range forwarders {
		f.stop()
	}
}

// stream returns the number-th stream of bytes of this trial.
func (t *Trial) stream(number int) stream { return newStream(t.opts.Seed, t.c.Name, number) }

// rule is the timeout that the forwarder is expected to have. Cases that do not need one use it as a length of time only.
func (t *Trial) rule() time.Duration { return t.opts.ruleOrDefault() }

// pause waits, unless the trial ends first.
func (t *Trial) pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-t.over:
		if err := t.ctx.Err(); err != nil {
			return err
		}
		return net.ErrClosed
	}
}

// launch starts a forwarder to the given destination, without waiting for it to listen.
func (t *Trial) launch(host string, port, listen int) (*forwarder, error) {
	dir := ""
	if t.opts.Command.wantsDir() {
		var err error
		if dir, err = os.MkdirTemp("", "test-proxy-"); err != nil {
			return nil, err
		}
	}
	f, err := launch(t.opts.Command.argv(host, port, listen, dir), dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, wrong("a forwarder that can be started", "%v", err)
	}
	f.listen = listen
	t.mu.Lock()
	t.forwarders = append(t.forwarders, f)
	late := t.released
	t.mu.Unlock()
	if late {
		f.stop()
	}
	return f, nil
}

// forward starts a forwarder to host and port and waits until it listens.
func (t *Trial) forward(host string, port int) (*forwarder, error) {
	t.step("waiting for the forwarder to listen")
	for attempt := 1; ; attempt++ {
		listen, err := t.portPool.free()
		if err != nil {
			return nil, err
		}
		f, err := t.launch(host, port, listen)
		if err != nil {
			return nil, err
		}
		if err = f.awaitListening(t.ctx); err == nil {
			t.step("")
			return f, nil
		}
		// Somebody else may have taken the port between the check and now; that is not the forwarder's fault.
		if attempt == 3 || !strings.Contains(strings.ToLower(f.output.all()), "address already in use") {
			return nil, err
		}
		f.stop()
	}
}

// forwardTo starts a forwarder to a destination.
func (t *Trial) forwardTo(d *destination) (*forwarder, error) { return t.forward(loopback, d.port) }

// dialing is what a client may want to be different from an ordinary one.
type dialing struct {
	host          string // "" is the IPv4 loopback address
	receiveBuffer int    // 0 leaves it to the kernel
}

// dial connects a client to the forwarder.
func (t *Trial) dial(f *forwarder) (*peer, error) { return t.dialWith(f, dialing{}) }

func (t *Trial) dialWith(f *forwarder, with dialing) (*peer, error) {
	if with.host == "" {
		with.host = loopback
	}
	dialer := net.Dialer{Deadline: t.deadline, Control: controlBuffer(with.receiveBuffer), KeepAlive: -1}
	conn, err := dialer.DialContext(t.ctx, "tcp", net.JoinHostPort(with.host, strconv.Itoa(f.listen)))
	if err != nil {
		if t.ctx.Err() != nil {
			return nil, t.ctx.Err()
		}
		if end, ok := endingOf(err); ok && end == endReset {
			return nil, errResetWhileDialing
		}
		return nil, wrong("the forwarder to accept a client", "%s", describe(err))
	}
	return t.adopt(conn.(*net.TCPConn), "client"), nil
}

// turnedAway connects a client that the forwarder cannot serve, and expects its connection to end.
func (t *Trial) turnedAway(f *forwarder, within time.Duration) (ending, error) {
	client, err := t.dial(f)
	if errors.Is(err, errResetWhileDialing) {
		return endReset, nil
	}
	if err != nil {
		return "", err
	}
	defer client.Close()
	return client.end(within)
}

// errResetWhileDialing: the connection stood, and was reset before the dialer had a look at it.
var errResetWhileDialing = wrong("the forwarder to accept a client", "%s", endReset)

// pair makes one forwarded connection and returns both ends.
func (t *Trial) pair(f *forwarder, d *destination) (client, server *peer, err error) {
	return t.pairWith(f, d, dialing{})
}

func (t *Trial) pairWith(f *forwarder, d *destination, with dialing) (client, server *peer, err error) {
	t.step("connecting a client")
	if client, err = t.dialWith(f, with); err != nil {
		return nil, nil, err
	}
	if server, err = d.accept(); err != nil {
		return nil, nil, err
	}
	t.step("")
	return client, server, nil
}

// adopt makes a peer of a connection and sees to its end.
func (t *Trial) adopt(conn *net.TCPConn, name string) *peer {
	_ = conn.SetDeadline(t.deadline)
	p := &peer{TCPConn: conn, name: name, t: t}
	t.own(func() { conn.Close() })
	return p
}

// together runs functions at the same time and returns the first error in time. The first error closes the trial's sockets,
// because whoever waits for the function that failed would otherwise do so until the deadline.
func (t *Trial) together(fns ...func() error) error {
	var once sync.Once
	var first error
	var wg sync.WaitGroup
	for _, fn := range fns {
		wg.Go(func() {
			if err := fn(); err != nil {
				once.Do(func() {
					first = err
					t.hangUp()
				})
			}
		})
	}
	wg.Wait()
	return first
}

// times calls fn for the numbers 0 to total-1, at most width of them at the same time.
func (t *Trial) times(total, width int, fn func(i int) error) error {
	numbers := make(chan int)
	stopped := make(chan struct{})
	workers := make([]func() error, min(width, total))
	for w := range workers {
		workers[w] = func() error {
			for i := range numbers {
				if err := fn(i); err != nil {
					return fmt.Errorf("connection %d of %d: %w", i+1, total, err)
				}
			}
			return nil
		}
	}
	go func() {
		defer close(numbers)
		for i := range total {
			select {
			case numbers <- i:
			case <-stopped:
				return
			}
		}
	}()
	defer close(stopped)
	return t.together(workers...)
}

// verdict turns what a case returned into expected and came. Everything that is known about why is added: that the time was up,
// that the forwarder had died.
func (t *Trial) verdict(err error) (expected, came string) {
	var m *mismatch
	if errors.As(err, &m) {
		expected, came = m.expected, m.came
		if prefix, found := strings.CutSuffix(err.Error(), m.Error()); found && prefix != "" {
			came += " (" + strings.TrimSuffix(prefix, ": ") + ")"
		}
	} else {
		expected, came = t.c.Expects, describe(err)
	}
	t.mu.Lock()
	doing, forwarders := t.doing, t.forwarders
	t.mu.Unlock()
	if t.ctx.Err() != nil {
		came += fmt.Sprintf("; the case's time of %v is up", t.c.limit(t.opts))
	}
	if doing != "" {
		came += "; while " + doing
	}
	if n := len(forwarders); n > 0 && !strings.Contains(came, ", saying") {
		// One that crashed may need a moment to be gone.
		f := forwarders[n-1]
		select {
		case <-f.exited:
			came += "; meanwhile there was " + f.fate()
		case <-time.After(100 * time.Millisecond):
			if text := oneLine(f.output.String()); text != "" {
				came += "; the forwarder said: " + text
			}
		}
	}
	return expected, came
}

// controlBuffer returns a function that sets the receive buffer before a socket is connected or listens, which is the only time
// when it bounds the window that the other side is told of.
func controlBuffer(size int) func(string, string, syscall.RawConn) error {
	if size == 0 {
		return nil
	}
	return func(_, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, size)
		}); e != nil {
			return e
		}
		return err
	}
}
