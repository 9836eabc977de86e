//go:build linux

package wire

import (
	"bytes"
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watched is a socket on a loop, with all that it was told.
type watched struct {
	Socket
	told   Event
	events int
}

// Ready implements Handler.
func (w *watched) Ready(e Event) {
	w.told |= e
	w.events++
}

func watch(d *driver, fd int) *watched {
	w := &watched{}
	if err := w.Open(d.Loop, fd, w); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(w.Close)
	return w
}

// reset makes the peer of fd see a reset.
func reset(fd int) {
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	closeDescriptor(fd)
}

// collect reads what has come for a peer, on top of what it has already.
func collect(fd int, got []byte) (all []byte, errno syscall.Errno) {
	p := make([]byte, 64<<10)
	for {
		n, errno := recv(fd, p)
		if n == 0 {
			return got, errno
		}
		got = append(got, p[:n]...)
	}
}

// TestEndOfStream has the source end while its last bytes are still on the way through, small ones and bulk: the sink's peer gets all
// of them, then the end, and the other direction is not touched.
func TestEndOfStream(t *testing.T) {
	for name, size := range map[string]int{"nothing": 0, "a byte": 1, "bulk": 3 << 20} {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, 1)
			r, from, to := newTCPRelay(d)
			data := randomBytes(size)
			var got []byte
			sent, ended := 0, false
			d.until("the end", func() bool {
				n, _ := send(from, data[sent:])
				if sent += n; sent == size && !ended {
					ended = true
					_ = syscall.Shutdown(from, syscall.SHUT_WR)
				}
				var errno syscall.Errno
				got, errno = collect(to, got)
				return errno == 0
			})
			if !bytes.Equal(got, data) {
				t.Errorf("%d bytes sent, %d arrived, or others", size, len(got))
			}
			// The other half of both connections is open still.
			mustSend(to, []byte("back"))
			mustSend(int(r.in.fd), []byte("back"))
			closeDescriptor(from)
		})
	}
}

// TestEndWithTheLastBytes has bytes and the end of the stream come in one event. The end is not told again.
func TestEndWithTheLastBytes(t *testing.T) {
	d := newDriver(t, 0)
	r, from, to := newTCPRelay(d)
	mustSend(from, []byte("the last words"))
	_ = syscall.Shutdown(from, syscall.SHUT_WR)
	defer closeDescriptor(from)
	if _, err := unix.Poll([]unix.PollFd{{Fd: r.in.fd, Events: unix.POLLRDHUP}}, 10_000); err != nil {
		t.Fatal(err)
	}
	d.until("the end to be passed on", func() bool { return r.shut })
	if got, _ := collect(to, nil); string(got) != "the last words" {
		t.Errorf("got %q", got)
	}
}

// TestResetWithUnreadBytes has a peer send and then reset. Bytes first, then the error, and the error again and again: a reader that is
// killed in between must find it.
func TestResetWithUnreadBytes(t *testing.T) {
	d := newDriver(t, 0)
	ours, theirs := tcpPair(t)
	w := watch(d, ours)
	p := make([]byte, 100)
	mustSend(theirs, []byte("bytes"))
	d.until("bytes", func() bool { return w.told&Readable != 0 })
	reset(theirs)
	d.until("the reset", w.IsBroken)
	if n, errno := w.Read(p); n != 5 || errno != 0 {
		t.Fatalf("Read = %d, %v", n, errno)
	}
	for range 3 {
		if n, errno := w.Read(p); n != 0 || errno != syscall.ECONNRESET {
			t.Fatalf("Read = %d, %v", n, errno)
		}
	}
	if w.Failure() != syscall.ECONNRESET {
		t.Errorf("Failure = %v", w.Failure())
	}
}

// TestResetMetByWriting has the writer, not the reader, meet the reset: it too is told every time.
func TestResetMetByWriting(t *testing.T) {
	d := newDriver(t, 1)
	for name, write := range map[string]func(*watched) syscall.Errno{
		"from a buffer": func(w *watched) syscall.Errno { _, errno := w.Write([]byte("x")); return errno },
		"from a pipe": func(w *watched) syscall.Errno {
			p := d.pipes.get()
			defer d.pipes.put(p)
			p.left, _ = unix.Write(p.w, []byte("x"))
			_, errno := w.writePipe(p.r, p.left)
			return errno
		},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := tcpPair(t)
			w := watch(d, ours)
			reset(theirs)
			d.until("the reset", w.IsBroken)
			for range 3 {
				if errno := write(w); errno != syscall.ECONNRESET {
					t.Fatalf("writing: %v", errno)
				}
			}
		})
	}
}

// TestResetMetBySplicing has a bulk reader meet the reset before the loop tells of it.
func TestResetMetBySplicing(t *testing.T) {
	d := newDriver(t, 1)
	ours, theirs := tcpPair(t)
	w := watch(d, ours)
	reset(theirs)
	fds := []unix.PollFd{{Fd: w.fd}}
	if _, err := unix.Poll(fds, 10_000); err != nil {
		t.Fatal(err)
	}
	f := Flow{bulk: true}
	for range 3 {
		if did := f.Fill(&w.Socket); did != FillFailed || w.Failure() != syscall.ECONNRESET {
			t.Fatalf("Fill = %d, Failure = %v", did, w.Failure())
		}
	}
	d.pipes.closeAll()
}

// TestResetBehindBulk has a reset come behind more bytes than one splice takes: the splice that meets it is one too many, and the bytes
// before it count all the same. Where the system grants no such large buffer, there are fewer bytes.
func TestResetBehindBulk(t *testing.T) {
	const bytes = 7 * pipeSize / 4
	d := newDriver(t, 1)
	ours, theirs := tcpPair(t)
	if unix.SetsockoptInt(ours, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8*pipeSize) != nil {
		_ = unix.SetsockoptInt(ours, unix.SOL_SOCKET, unix.SO_RCVBUF, 8*pipeSize)
	}
	w := watch(d, ours)
	for w.Unread() < bytes {
		if _, errno := send(theirs, make([]byte, min(64<<10, bytes-w.Unread()))); errno != 0 {
			break
		}
	}
	arrived := w.Unread() // the rest is lost in the reset
	reset(theirs)
	d.until("the reset", w.IsBroken)
	w.splices = true // as if it had not been told yet
	f := Flow{bulk: true}
	for f.Fill(&w.Socket) == FillDone {
		f.moved.Add(uint64(f.left()))
		f.release(d.Loop)
	}
	if got := int(f.Moved()); got < arrived || w.Failure() != syscall.ECONNRESET {
		t.Fatalf("%d of %d bytes, then %v", got, arrived, w.Failure())
	}
	d.pipes.closeAll()
}

// TestUrgentData sends an urgent byte at every position among small pieces, and among bulk, while bytes move through buffers or pipes.
// The system stops a read before an urgent byte, and a splice as well: no byte may be lost, or be waited for in vain.
func TestUrgentData(t *testing.T) {
	small := []int{1, 300, 1, 70}
	bulk := []int{5 * bufferSize, 16 * bufferSize, 1, 9 * bufferSize}
	for name, pieces := range map[string][]int{"small": small, "bulk": bulk} {
		for _, piped := range []bool{false, true} {
			for urgent := range len(pieces) + 1 {
				for _, hold := range []bool{false, true} {
					d := newDriver(t, 1)
					r, from, to := newTCPRelay(d)
					r.flow.bulk = piped
					carryUrgent(d, r, from, to, pieces, urgent, hold)
					if t.Failed() {
						t.Fatalf("%s, in a pipe: %v, urgent before piece %d, all sent before the loop looks: %v", name, piped, urgent, hold)
					}
				}
			}
		}
	}
}

// carryUrgent sends the pieces, with urgent bytes before one of them; hold: with nobody reading before all of it is sent.
func carryUrgent(d *driver, r *relay, from, to int, pieces []int, urgent int, hold bool) {
	var want, got []byte
	over := make(chan struct{})
	all := randomBytes(1 << 20)
	add := func(n int) []byte {
		p := all[len(want) : len(want)+n]
		want = append(want, p...)
		return p
	}
	var sends []func()
	push := func(p []byte, flags int) {
		sends = append(sends, func() {
			for len(p) > 0 {
				n, err := unix.SendmsgN(from, p, nil, nil, flags|unix.MSG_NOSIGNAL)
				if errors.Is(err, unix.EAGAIN) {
					_, _ = unix.Poll([]unix.PollFd{{Fd: int32(from), Events: unix.POLLOUT}}, 10_000)
					continue
				} else if err != nil {
					return
				}
				p = p[n:]
			}
		})
	}
	for i := range len(pieces) + 1 {
		if i == urgent {
			push(add(1), unix.MSG_OOB)
		}
		if i < len(pieces) {
			push(add(pieces[i]), 0)
		}
	}
	work := func() {
		defer close(over)
		for _, s := range sends {
			s()
		}
		closeDescriptor(from)
	}
	if hold && len(want) < 64<<10 {
		work()
	} else {
		go work()
	}
	d.until("all bytes and the end", func() bool {
		var errno syscall.Errno
		got, errno = collect(to, got)
		return errno != syscall.EAGAIN
	})
	<-over
	if !bytes.Equal(got, want) {
		d.Errorf("%d bytes sent, %d arrived, or others", len(want), len(got))
	}
}

// TestNothingSpins leaves loops alone with something that might ring for ever, and counts how often they turn.
func TestNothingSpins(t *testing.T) {
	const while = 100 * time.Millisecond
	for name, prepare := range map[string]func(t *testing.T, d *driver){
		"nothing at all": func(*testing.T, *driver) {},
		"reset, reads paused": func(t *testing.T, d *driver) {
			r, from, _ := newTCPRelay(d)
			r.paused = true
			mustSend(from, []byte("unread"))
			reset(from)
			d.until("the reset", r.in.IsBroken)
		},
		"urgent data, reads paused": func(t *testing.T, d *driver) {
			r, from, _ := newTCPRelay(d)
			t.Cleanup(func() { closeDescriptor(from) })
			r.paused = true
			if err := unix.Send(from, []byte("!"), unix.MSG_OOB); err != nil {
				t.Fatal(err)
			}
			d.until("the urgent byte", func() bool { return r.events > 0 })
		},
		"urgent data, read": func(t *testing.T, d *driver) {
			r, from, _ := newTCPRelay(d)
			t.Cleanup(func() { closeDescriptor(from) })
			if err := unix.Send(from, []byte("!"), unix.MSG_OOB); err != nil {
				t.Fatal(err)
			}
			d.until("the urgent byte", func() bool { return r.flow.Moved() == 1 })
		},
		"half closed": func(t *testing.T, d *driver) {
			r, from, _ := newTCPRelay(d)
			t.Cleanup(func() { closeDescriptor(from) })
			_ = syscall.Shutdown(from, syscall.SHUT_WR)
			d.until("the end", func() bool { return r.shut })
		},
		"sink that takes nothing": func(t *testing.T, d *driver) {
			r, from, _ := newTCPRelay(d)
			t.Cleanup(func() { closeDescriptor(from) })
			junk := make([]byte, 1<<20)
			for deadline := patience(t); ; deadline() {
				n, _ := send(from, junk)
				if d.idle(time.Millisecond); n == 0 && r.flow.Held() {
					break
				}
			}
		},
		"clients left in the backlog": func(t *testing.T, d *driver) {
			w, addr := listen(d)
			for range 3 {
				fd, err := connect(addr)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { closeDescriptor(fd) })
			}
			d.until("the clients", func() bool { return w.told&Readable != 0 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, 1)
			prepare(t, d)
			// The watch itself is one timer, and late acknowledgements may free some space at the beginning.
			if turns := d.idle(while); turns > 20 {
				t.Errorf("%d turns in %v", turns, while)
			}
		})
	}
}

func listen(d *driver) (*watched, netip.AddrPort) {
	fd, err := bindOne("127.0.0.1:0")
	if err != nil {
		d.Fatal(err)
	}
	return watch(d, fd), LocalAddr(fd)
}

// TestAccept takes clients from the backlog, and knows when there are no more.
func TestAccept(t *testing.T) {
	d := newDriver(t, 0)
	for _, addr := range []string{"127.0.0.1:0", "[::ffff:127.0.0.1]:0", "[::1]:0", "[::]:0"} {
		fd, err := bindOne(addr)
		if LacksIPv6(err) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		w := watch(d, fd)
		local := LocalAddr(fd)
		if local.Addr().IsUnspecified() { // takes IPv4 clients, too
			local = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), local.Port())
		}
		client, err := connect(local)
		if err != nil {
			t.Fatal(err)
		}
		d.until("a client", func() bool { return w.told&Readable != 0 })
		got, from, errno := w.Accept()
		if errno != 0 || from != LocalAddr(client) {
			t.Errorf("Accept = %v, %v; the client is %v", from, errno, LocalAddr(client))
		}
		if _, _, errno := w.Accept(); errno != syscall.EAGAIN {
			t.Errorf("an empty backlog says %v", errno)
		}
		closeDescriptor(got)
		closeDescriptor(client)
		w.Close()
		if _, _, errno := w.Accept(); errno != syscall.EBADF {
			t.Errorf("a closed socket says %v", errno)
		}
	}
}

// TestDial connects to somebody, and to nobody.
func TestDial(t *testing.T) {
	d := newDriver(t, 0)
	l, addr := listen(d)
	var good, bad watched
	if err := good.Dial(d.Loop, addr, &good); err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	d.until("the verdict", func() bool { return good.told&Writable != 0 })
	if err := good.ConnectError(); err != nil {
		t.Errorf("connected, and ConnectError says %v", err)
	}
	l.Close()
	if err := bad.Dial(d.Loop, addr, &bad); err == nil {
		defer bad.Close()
		d.until("the verdict", func() bool { return bad.told&Writable != 0 })
		if err := bad.ConnectError(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens, and ConnectError says %v", err)
		}
	} else if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody listens, and Dial says %v", err)
	}
}

// TestUnreadAndUnsent watches bytes wait in the system on either side.
func TestUnreadAndUnsent(t *testing.T) {
	d := newDriver(t, 0)
	ours, theirs := tcpPair(t)
	defer closeDescriptor(theirs)
	w := watch(d, ours)
	mustSend(theirs, make([]byte, 123))
	for deadline := patience(t); w.Unread() != 123; deadline() {
	}
	if n, _ := w.Read(make([]byte, 100)); w.Unread() != 123-n {
		t.Errorf("%d bytes unread after %d were read", w.Unread(), n)
	}
	for {
		if _, errno := w.Write(make([]byte, 64<<10)); errno == syscall.EAGAIN {
			break
		}
	}
	full := w.Unsent()
	for deadline := patience(t); w.Unsent() > 0; deadline() {
		_, _ = collect(theirs, nil)
	}
	if full == 0 {
		t.Error("a full socket has nothing to send")
	}
	w.Close()
	if w.Unread() != 0 || w.Unsent() != 0 || w.IsOpen() {
		t.Error("a closed socket holds bytes, or is open")
	}
	if n, errno := w.Read(make([]byte, 1)); n != 0 || errno != syscall.EBADF {
		t.Errorf("reading a closed socket: %d, %v", n, errno)
	}
	if n, errno := w.Write(make([]byte, 1)); n != 0 || errno != syscall.EBADF {
		t.Errorf("writing a closed socket: %d, %v", n, errno)
	}
}

// TestMove hands a socket over: from then on only the new one is told, and closing the old one closes nothing.
func TestMove(t *testing.T) {
	d := newDriver(t, 0)
	ours, theirs := tcpPair(t)
	defer closeDescriptor(theirs)
	old, heir := watch(d, ours), &watched{}
	old.Move(&heir.Socket, heir)
	defer heir.Close()
	old.events = 0
	old.Close()
	mustSend(theirs, []byte("x"))
	d.until("the byte", func() bool { return heir.told&Readable != 0 })
	if n, errno := heir.Read(make([]byte, 1)); n != 1 || errno != 0 || old.events > 0 || old.IsOpen() || !heir.IsOpen() {
		t.Errorf("read %d, %v; the old one was told %d times, is open: %v", n, errno, old.events, old.IsOpen())
	}
}

// TestEndings tells the peers apart who see an end and who see a reset.
func TestEndings(t *testing.T) {
	d := newDriver(t, 0)
	for _, c := range []struct {
		name string
		end  func(*Socket)
		want syscall.Errno
	}{
		{"close", (*Socket).Close, 0},
		{"shutdown", (*Socket).ShutdownWrite, 0},
		{"reset", (*Socket).Reset, syscall.ECONNRESET},
	} {
		ours, theirs := tcpPair(t)
		w, peer := watch(d, ours), watch(d, theirs)
		c.end(&w.Socket)
		d.until("the end", func() bool { return peer.told&Unusual != 0 })
		if _, errno := peer.Read(make([]byte, 1)); errno != c.want {
			t.Errorf("after %s, the peer meets %v", c.name, errno)
		}
	}
}
