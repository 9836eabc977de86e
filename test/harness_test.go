package test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

var update = flag.Bool("update", false, "write what the tests saw to testdata, instead of comparing with it")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m, bySelf)
}

// bySelf is a goroutine of the actor library that ends by itself, a second after a storm of dead letters.
var bySelf = goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1")

// patience bounds every wait for something that must happen. It is long, since this machine may be busy: nothing should ever use it up.
const patience = 30 * time.Second

// never is for limits that a test shall not meet.
const never = 1 << 30

// rig is a proxy in this process, a destination, and what has been observed of both.
type rig struct {
	proxy    *actors.Proxy
	plan     *fault.Plan
	origin   *net.TCPListener
	arrivals chan *net.TCPConn // connections that the proxy has made to the destination
	missed   atomic.Int32      // faults that the traffic did not pass by

	opening  sync.Mutex // one connection is opened at a time, so that both its ends and its session can be told
	sessions int

	mu        sync.Mutex
	wake      chan struct{}       // closed at the next change, if somebody waits
	visits    map[fault.Place]int // of every place
	opened    map[string]string   // session's PID → client's address
	closed    map[string]messages.SessionClosed
	announced int                               // how often it was said that clients may come
	failed    map[string][]messages.ActorFailed // by PID
	restarted map[string]int                    // by PID
	zombies   []string                          // visits by actors of sessions that were gone
	log       []string                          // lifecycle visits and events, if tracing
	tracing   bool
}

// newRig starts a proxy. When the test ends it is stopped, and must leave nothing behind.
func newRig(t testing.TB, cfg actors.Config, rules ...*fault.Rule) *rig {
	t.Helper()
	return startRig(t, cfg, false, rules...)
}

// startRig is newRig, with a log of everything from the very first step if it is tracing.
func startRig(t testing.TB, cfg actors.Config, tracing bool, rules ...*fault.Rule) *rig {
	t.Helper()
	leaves(t)
	r := &rig{
		tracing: tracing,
		plan:    fault.NewPlan(rules...), arrivals: make(chan *net.TCPConn, 4096),
		visits: map[fault.Place]int{}, opened: map[string]string{}, closed: map[string]messages.SessionClosed{},
		failed: map[string][]messages.ActorFailed{}, restarted: map[string]int{},
	}
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.origin = origin.(*net.TCPListener)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		defer close(r.arrivals)
		for {
			conn, err := r.origin.AcceptTCP()
			if err != nil {
				return
			}
			r.arrivals <- conn
		}
	})
	t.Cleanup(func() {
		accepting.Wait()
		for conn := range r.arrivals { // of sessions that died before they were opened
			conn.Close()
		}
	})
	t.Cleanup(func() { r.origin.Close() })
	addr := r.origin.Addr().(*net.TCPAddr).AddrPort()
	cfg.Host = cmp.Or(cfg.Host, "127.0.0.1")
	cfg.Port, cfg.ListenHost, cfg.Fault = addr.Port(), "127.0.0.1", r.strike
	if r.proxy, err = actors.Start(cfg, r.observe); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.proxy.Stop()
		r.mustBeGone(t)
	})
	return r
}

// mustBeGone waits for the proxy's end and looks for what should not be there any more.
func (r *rig) mustBeGone(t testing.TB) {
	t.Helper()
	select {
	case <-r.proxy.Done():
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		t.Errorf("the proxy has not stopped after %v\n%s", patience, buf[:runtime.Stack(buf, true)])
		return
	}
	for _, shard := range r.proxy.System().ProcessRegistry.LocalPIDs.LocalPIDs {
		for _, pid := range shard.Keys() {
			if strings.HasPrefix(pid, "listener") {
				t.Errorf("%s is still registered", pid)
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.announced != 1 {
		t.Errorf("%d times ListenerOpened", r.announced)
	}
	for _, z := range r.zombies {
		t.Errorf("zombie: %s", z)
	}
	for pid := range r.opened {
		if _, ok := r.closed[pid]; !ok {
			t.Errorf("no SessionClosed for %s", pid)
		}
	}
}

// leaves makes the test fail if it leaves descriptors or goroutines behind.
func leaves(t testing.TB) {
	t.Helper()
	before := descriptors()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		after := descriptors()
		for end := time.Now().Add(patience); len(after) > len(before) && time.Now().Before(end); after = descriptors() {
			time.Sleep(time.Millisecond)
		}
		if len(after) > len(before) {
			t.Errorf("%d descriptors before, %d after: %v", len(before), len(after), after)
		}
		if err := goleak.Find(ignore, bySelf); err != nil {
			t.Error(err)
		}
	})
}

func descriptors() []string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var open []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			open = append(open, e.Name()+"="+to)
		}
	}
	return open
}

// strike is the proxy's seam. It runs on the goroutine that relays.
func (r *rig) strike(at actors.Point, who string) {
	r.mu.Lock()
	r.visits[fault.Place{At: at, Who: who}]++
	if _, gone := r.closed[sessionOf(who)]; gone {
		r.zombies = append(r.zombies, fmt.Sprintf("%v of %s", at, who))
	}
	if r.tracing && at <= actors.PointStopped {
		r.log = append(r.log, fmt.Sprintf("%-11v %s", at, who))
	}
	r.changed()
	r.mu.Unlock()
	r.plan.Strike(at, who)
}

// observe is subscribed to the proxy's events. It runs on the goroutine that relays.
func (r *rig) observe(event any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := ""
	switch e := event.(type) {
	case messages.ListenerOpened:
		r.announced++
		return
	case messages.SessionOpened:
		r.opened[e.PID] = e.Client.String()
		line = fmt.Sprintf("* SessionOpened   %s", e.PID)
	case messages.SessionClosed:
		r.closed[e.PID] = e
		line = fmt.Sprintf("* SessionClosed   %s: %v", e.PID, e.Cause)
	case messages.ActorFailed:
		r.failed[e.PID] = append(r.failed[e.PID], e)
		line = fmt.Sprintf("* ActorFailed     %s: %s; %s says %s", e.PID, e.Reason, e.Strategy, e.Directive)
	case messages.ActorRestarted:
		r.restarted[e.PID]++
		line = fmt.Sprintf("* ActorRestarted  %s, time %d", e.PID, e.Restarts)
	default:
		return
	}
	if r.tracing {
		r.log = append(r.log, line)
	}
	r.changed()
}

// changed wakes who waits. mu is held.
func (r *rig) changed() {
	if r.wake != nil {
		close(r.wake)
		r.wake = nil
	}
}

// await waits until ok, which is called with mu held, is true.
func (r *rig) await(what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		r.mu.Lock()
		if ok() {
			r.mu.Unlock()
			return nil
		}
		if r.wake == nil {
			r.wake = make(chan struct{})
		}
		wake := r.wake
		r.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain until %s", what)
		}
	}
}

func (r *rig) awaitClosed(pid string) (messages.SessionClosed, error) {
	var e messages.SessionClosed
	err := r.await(pid+" was closed", func() (ok bool) { e, ok = r.closed[pid]; return ok })
	return e, err
}

// restartsOf are the restarts of a session (under "") and of its children, by name.
func (r *rig) restartsOf(session string) map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.restartsLocked(session)
}

func (r *rig) restartsLocked(session string) map[string]int {
	found := map[string]int{}
	for pid, n := range r.restarted {
		if rest, ok := strings.CutPrefix(pid, session); ok && (rest == "" || rest[0] == '/') {
			found[strings.TrimPrefix(rest, "/")] = n
		}
	}
	return found
}

func (r *rig) awaitRestarts(session string, want map[string]int) error {
	err := r.await("", func() bool {
		got := r.restartsLocked(session)
		for name, n := range want {
			if got[name] < n {
				return false
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("restarts %v, want %v", r.restartsOf(session), want)
	}
	return nil
}

func (r *rig) failures(pid string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failed[pid])
}

func (r *rig) fail(who string) { fault.Fail(r.proxy.System(), who, "on purpose") }
func (r *rig) stop(who string) { fault.Stop(r.proxy.System(), who) }

// tree asks for the tree.
func (r *rig) tree() (messages.Node, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.proxy.Tree(ctx)
}

// end has a session ended in order.
func (r *rig) end(session string) error {
	id, err := strconv.ParseUint(strings.TrimPrefix(session, "listener/session-"), 10, 64)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.proxy.EndSession(ctx, id)
}

// strategyNames are all strategies for a session's children, the default first.
func strategyNames() (names []string) {
	for _, s := range actors.SupervisionStrategies() {
		names = append(names, s.Name)
	}
	return names
}

// sessionOf is the PID of the session that an actor belongs to, or that it is.
func sessionOf(pid string) string {
	parts := strings.SplitN(pid, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

// The children of a session.
var children = []string{"client-reader", "server-writer", "server-reader", "client-writer"}

// stream is a connection through the proxy, both of its ends.
type stream struct {
	client, server *net.TCPConn
	pid            string // the session's
	seed           uint64
	bytes          int

	once   sync.Once
	mid    chan struct{} // closed when half of the bytes have arrived: from then on nobody goes on before the gate opens
	gate   chan struct{}
	opened atomic.Bool
}

// open opens a stream; rules, which may be nil, makes rules from the PID that its session will have.
func (r *rig) open(seed uint64, bytes int, rules func(pid string) []*fault.Rule) (*stream, error) {
	r.opening.Lock()
	defer r.opening.Unlock()
	r.sessions++
	pid := "listener/session-" + strconv.Itoa(r.sessions)
	if rules != nil {
		r.plan.Add(rules(pid)...)
	}
	conn, err := net.DialTimeout("tcp", r.proxy.Addr().String(), patience)
	if err != nil { // that session may have died before the call returned
		err = errors.Join(err, r.await(pid+" was closed", func() bool { _, died := r.closed[pid]; return died }), r.discardArrivals())
		return nil, err
	}
	s := &stream{client: conn.(*net.TCPConn), pid: pid, seed: seed, bytes: bytes, mid: make(chan struct{}), gate: make(chan struct{})}
	var opened string
	var died bool
	err = r.await("the session was opened", func() bool {
		opened = r.opened[pid]
		_, died = r.closed[pid]
		return opened != "" || died
	})
	if opened == "" {
		err = errors.Join(err, r.discardArrivals())
	} else {
		select {
		case s.server = <-r.arrivals:
		case <-time.After(patience):
			err = errors.New("the proxy has not connected to the destination")
		}
	}
	switch {
	case err != nil:
	case opened == "":
		err = errors.New("the session died before it was opened")
	case opened != conn.LocalAddr().String():
		err = fmt.Errorf("the client of %s is %s, want %v", pid, opened, conn.LocalAddr())
	}
	if err != nil {
		s.close()
		return nil, err
	}
	deadline := time.Now().Add(patience)
	_ = s.client.SetDeadline(deadline)
	_ = s.server.SetDeadline(deadline)
	return s, nil
}

// discardArrivals closes what sessions that died young have left behind at the destination, so that nobody takes it for the other end of
// a stream. To know when it has come to the last, it sends a connection of its own after them.
func (r *rig) discardArrivals() error {
	last, err := net.DialTimeout("tcp", r.origin.Addr().String(), patience)
	if err != nil {
		return err
	}
	defer last.Close()
	for {
		select {
		case conn := <-r.arrivals:
			conn.Close()
			if conn.RemoteAddr().String() == last.LocalAddr().String() {
				return nil
			}
		case <-time.After(patience):
			return errors.New("the destination accepts nobody")
		}
	}
}

func (s *stream) close() {
	s.client.Close()
	if s.server != nil {
		s.server.Close()
	}
}

// release opens the gate.
func (s *stream) release() {
	if s.opened.CompareAndSwap(false, true) {
		close(s.gate)
	}
}

// half is called when half of the bytes have arrived.
func (s *stream) half() { s.once.Do(func() { close(s.mid) }) }

// What a peer saw.
const (
	intact = "intact" // all bytes, then the end of the stream
	reset  = "reset"  // a part of the bytes, in order, then a reset
)

// shape is a kind of traffic. Each end is played by a function that returns what it saw.
type shape struct {
	name           string
	bytes          int // how many, in the main direction
	client, server func(*stream) string
}

var shapes = []shape{
	{"upload", 192 << 10, (*stream).sendThenListen, (*stream).listenThenEnd},
	{"download", 192 << 10, (*stream).receiveThenEnd, (*stream).answerThenListen},
	{"ping-pong", 8 << 10, (*stream).ping, (*stream).pong},
	{"half-closed", 192 << 10, (*stream).request, (*stream).listenThenAnswer},
	{"stalled", 4 << 20, (*stream).stuff, (*stream).listenLate},
}

// run plays both ends and returns what each saw.
func (s *stream) run(sh shape) (client, server string) {
	var both sync.WaitGroup
	// An end that is over tells, too: it may have been cut off, and the test must not wait for more.
	both.Go(func() { client = sh.client(s); s.half() })
	both.Go(func() { server = sh.server(s); s.half() })
	both.Wait()
	return client, server
}

// The ends of the shapes. Whoever sends waits at the gate when half is sent, and whoever receives tells when half has arrived.

func (s *stream) sendThenListen() string {
	sent := s.send(s.client, s.bytes, true)
	return verdict(sent, s.receive(s.client, 0, nil))
}

// stuff sends until everything is full, tells so, and goes on. That everything is full shows in a write that does not get through: should
// the machine only have been slow, the row tests less, but nothing wrong.
func (s *stream) stuff() string {
	from, full := newSource(s.seed), false
	for left := s.bytes; left > 0; {
		rest := from.next(min(32<<10, left))
		left -= len(rest)
		for len(rest) > 0 {
			if !full {
				_ = s.client.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			}
			n, err := s.client.Write(rest)
			rest = rest[n:]
			if errors.Is(err, os.ErrDeadlineExceeded) && !full {
				full = true
				s.half()
				_ = s.client.SetWriteDeadline(time.Now().Add(patience))
			} else if err != nil {
				if !full {
					s.half()
				}
				return verdict(err)
			}
		}
	}
	if !full {
		s.half()
	}
	return verdict(s.client.CloseWrite(), s.receive(s.client, 0, nil))
}

func (s *stream) listenThenEnd() string {
	got := s.receive(s.server, s.bytes, s.half)
	return verdict(got, s.server.CloseWrite())
}

// listenLate lets everything fill up first.
func (s *stream) listenLate() string {
	<-s.gate
	got := s.receive(s.server, s.bytes, nil)
	return verdict(got, s.server.CloseWrite())
}

func (s *stream) receiveThenEnd() string {
	got := s.receive(s.client, s.bytes, s.half)
	return verdict(got, s.client.CloseWrite())
}

func (s *stream) answerThenListen() string {
	sent := s.send(s.server, s.bytes, true)
	return verdict(sent, s.receive(s.server, 0, nil))
}

const requestBytes = 1 << 10

func (s *stream) request() string {
	sent := s.send(s.client, requestBytes, false)
	return verdict(sent, s.receive(s.client, s.bytes, s.half))
}

func (s *stream) listenThenAnswer() string {
	got := s.receive(s.server, requestBytes, nil)
	return verdict(got, s.send(s.server, s.bytes, true))
}

// pingBytes is a round's size in each direction.
const pingBytes = 256

func (s *stream) ping() string {
	out, in := newSource(s.seed), newSource(s.seed+1)
	rounds := s.bytes / pingBytes
	for i := range rounds {
		if i == rounds/2 {
			s.half()
			<-s.gate
		}
		if err := out.sendTo(s.client, pingBytes); err != nil {
			return verdict(err, s.receive(s.client, 0, nil))
		}
		if err := in.expectFrom(s.client, pingBytes); err != nil {
			return verdict(err)
		}
	}
	err := s.client.CloseWrite()
	return verdict(err, in.expectEnd(s.client))
}

func (s *stream) pong() string {
	in, out := newSource(s.seed), newSource(s.seed+1)
	for range s.bytes / pingBytes {
		if err := in.expectFrom(s.server, pingBytes); err != nil {
			return verdict(err)
		}
		if err := out.sendTo(s.server, pingBytes); err != nil {
			return verdict(err)
		}
	}
	end := in.expectEnd(s.server)
	return verdict(end, s.server.CloseWrite())
}

// send sends n bytes and the end of the stream. With wait it stops at the gate when half is sent.
func (s *stream) send(conn *net.TCPConn, n int, wait bool) error {
	from := newSource(s.seed)
	for left := n; left > 0; {
		size := min(1+int(from.size.Int32N(40<<10)), left)
		if wait && left > n/2 {
			size = min(size, left-n/2)
		}
		if err := from.sendTo(conn, size); err != nil {
			return err
		}
		if left -= size; wait && left == n/2 {
			<-s.gate
		}
	}
	return conn.CloseWrite()
}

// receive expects n bytes and the end of the stream; half, if given, is called when half has come.
func (s *stream) receive(conn *net.TCPConn, n int, half func()) error {
	want := newSource(s.seed)
	if half != nil {
		if err := want.expectFrom(conn, n/2); err != nil {
			half() // whoever waits must see the failure rather than wait
			return err
		}
		half()
		n -= n / 2
	}
	if err := want.expectFrom(conn, n); err != nil {
		return err
	}
	return want.expectEnd(conn)
}

// source makes a stream of bytes from a seed. Both ends make the same one, so a byte that is lost, repeated or swapped is found where
// it happened.
type source struct {
	bytes *rand.ChaCha8
	size  *rand.Rand
	at    int
	want  []byte
	got   []byte
}

func newSource(seed uint64) *source {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return &source{bytes: rand.NewChaCha8(key), size: rand.New(rand.NewPCG(seed, 0))}
}

func (f *source) next(n int) []byte {
	f.want = slices.Grow(f.want[:0], n)[:n]
	_, _ = f.bytes.Read(f.want)
	return f.want
}

func (f *source) sendTo(conn io.Writer, n int) error {
	_, err := conn.Write(f.next(n))
	return err
}

// wrong is a stream that is not what was sent: the one thing that no fault may ever cause.
type wrong struct{ what string }

func (w wrong) Error() string { return w.what }

func (f *source) expectFrom(conn io.Reader, n int) error {
	for n > 0 {
		if cap(f.got) == 0 {
			f.got = make([]byte, 64<<10)
		}
		m, err := conn.Read(f.got[:min(n, cap(f.got))])
		want := f.next(m)
		for i := range m {
			if f.got[i] != want[i] {
				return wrong{fmt.Sprintf("byte %d is wrong", f.at+i)}
			}
		}
		f.at += m
		n -= m
		if n > 0 && err != nil {
			if err == io.EOF {
				return fmt.Errorf("the stream ended in order after %d bytes, %d too early", f.at, n)
			}
			return err
		}
	}
	return nil
}

func (f *source) expectEnd(conn io.Reader) error {
	var b [1]byte
	n, err := conn.Read(b[:])
	switch {
	case n > 0:
		return wrong{fmt.Sprintf("more than the %d bytes that were sent", f.at)}
	case err == io.EOF:
		return nil
	}
	return err
}

// verdict is what a peer saw, from all that its calls returned. A reset is told by one call only, so any will do.
func verdict(errs ...error) string {
	said := intact
	for _, err := range errs {
		var w wrong
		switch {
		case errors.As(err, &w):
			return err.Error()
		case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ENOTCONN):
			said = reset
		case err != nil && said == intact:
			said = err.Error()
		}
	}
	return said
}

// play runs a whole stream without stopping at the gate.
func (r *rig) play(sh shape, seed uint64, bytes int, rules func(pid string) []*fault.Rule) (s *stream, client, server string, err error) {
	if s, err = r.open(seed, bytes, rules); err != nil {
		return nil, "", "", err
	}
	defer s.close()
	s.release()
	client, server = s.run(sh)
	return s, client, server, nil
}

// started is a stream under way that has come to its gate.
type started struct {
	*stream
	ends chan [2]string
}

// begin opens a stream and runs it to its gate.
func (r *rig) begin(sh shape, seed uint64, rules func(pid string) []*fault.Rule) (*started, error) {
	s, err := r.open(seed, sh.bytes, rules)
	if err != nil {
		return nil, err
	}
	g := &started{s, make(chan [2]string, 1)}
	go func() {
		defer s.close()
		client, server := s.run(sh)
		g.ends <- [2]string{client, server}
	}()
	<-s.mid
	return g, nil
}

// finish opens the gate and returns what the ends saw.
func (g *started) finish() (client, server string) {
	g.release()
	ends := <-g.ends
	return ends[0], ends[1]
}
