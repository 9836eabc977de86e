package conformance

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// peer is one end of a forwarded connection. Its deadline is the trial's unless a method says otherwise.
type peer struct {
	*net.TCPConn
	name string // "client" or "server"
	t    *Trial
}

// Read counts the bytes that have arrived at any peer of the trial: by them a case sees that connections go on.
func (p *peer) Read(b []byte) (int, error) {
	n, err := p.TCPConn.Read(b)
	p.t.moved.Add(int64(n))
	return n, err
}

// chunk is how much is sent or received at once.
const chunk = 64 << 10

// promptly bounds what should happen at once, on a machine that may be busy with other things.
const promptly = 3 * time.Second

// send writes the bytes of s from position off to off+n.
func (p *peer) send(s stream, off, n int64) error {
	buf := make([]byte, min(n, chunk))
	for sent := int64(0); sent < n; {
		b := buf[:min(n-sent, chunk)]
		s.fill(b, off+sent)
		m, err := p.Write(b)
		sent += int64(m)
		if err != nil {
			return wrong(fmt.Sprintf("the %s's %s to be taken", p.name, size(n)), "%s after %s", describe(err), size(sent))
		}
	}
	return nil
}

// sendAll sends the first n bytes of s and ends the stream.
func (p *peer) sendAll(s stream, n int64) error {
	if err := p.send(s, 0, n); err != nil {
		return err
	}
	return p.finish()
}

// finish ends the stream of this side. The other direction goes on.
func (p *peer) finish() error {
	if err := p.CloseWrite(); err != nil {
		return wrong(fmt.Sprintf("the %s to be able to end its stream", p.name), "%s", describe(err))
	}
	return nil
}

// expect reads the bytes of s from position off to off+n and compares them.
func (p *peer) expect(s stream, off, n int64) error {
	buf, scratch := make([]byte, min(n, chunk)), make([]byte, min(n, chunk))
	for got := int64(0); got < n; {
		b := buf[:min(n-got, chunk)]
		m, err := p.Read(b)
		if i := s.check(b[:m], scratch, off+got); i >= 0 {
			return wrong(fmt.Sprintf("the %s to receive the %s that were sent, unchanged", p.name, size(off+n)),
				"%s", s.diagnose(b[i:m], off+got+int64(i)))
		}
		got += int64(m)
		if err != nil && got < n {
			return wrong(fmt.Sprintf("the %s to receive %s", p.name, size(off+n)), "%s after %d bytes", describe(err), off+got)
		}
	}
	return nil
}

// expectAll reads the first n bytes of s and the end of the stream.
func (p *peer) expectAll(s stream, n int64) error {
	if err := p.expect(s, 0, n); err != nil {
		return err
	}
	return p.expectFIN()
}

// expectFIN reads the end of the stream, soon.
func (p *peer) expectFIN() error {
	end, err := p.end(promptly)
	if err == nil && end != endFIN {
		err = wrong(fmt.Sprintf("the %s to see the %s", p.name, endFIN), "%s", end)
	}
	return err
}

// expectReset reads a reset, soon.
func (p *peer) expectReset() error {
	end, err := p.end(promptly)
	if err == nil && end != endReset {
		err = wrong(fmt.Sprintf("the %s to see %s", p.name, endReset), "%s", end)
	}
	return err
}

// end reads the end of the stream, one way or the other; a byte before it is an error.
func (p *peer) end(within time.Duration) (ending, error) {
	p.soon(within)
	defer func() { _ = p.SetReadDeadline(p.t.deadline) }()
	var b [1]byte
	n, err := p.Read(b[:])
	if n > 0 {
		return "", wrong(fmt.Sprintf("the %s's stream to end", p.name), "a byte more (%#02x)", b[0])
	}
	end, ok := endingOf(err)
	if !ok {
		return "", wrong(fmt.Sprintf("the %s's stream to end within %v", p.name, within), "%s", describe(err))
	}
	return end, nil
}

// soon bounds the reads to come.
func (p *peer) soon(within time.Duration) {
	limit := time.Now().Add(within)
	if limit.After(p.t.deadline) {
		limit = p.t.deadline
	}
	_ = p.SetReadDeadline(limit)
}

// drain reads whatever there is of s from position off until the stream ends, and compares it.
func (p *peer) drain(s stream, off int64, within time.Duration) (n int64, end ending, err error) {
	p.soon(within)
	defer func() { _ = p.SetReadDeadline(p.t.deadline) }()
	buf, scratch := make([]byte, chunk), make([]byte, chunk)
	for {
		m, err := p.Read(buf)
		if i := s.check(buf[:m], scratch, off+n); i >= 0 {
			return n, "", wrong(fmt.Sprintf("the %s to receive the bytes that were sent, unchanged", p.name),
				"%s", s.diagnose(buf[i:m], off+n+int64(i)))
		}
		n += int64(m)
		if err != nil {
			end, ok := endingOf(err)
			if !ok {
				return n, "", wrong(fmt.Sprintf("the %s's stream to end within %v", p.name, within), "%s after %d bytes", describe(err), off+n)
			}
			return n, end, nil
		}
	}
}

// reset ends the connection abnormally: the other side gets RST, and what was not yet delivered is thrown away.
func (p *peer) reset() {
	_ = p.SetLinger(0)
	p.Close()
}

// roundTrip sends n bytes of s from position off and expects them back.
func (p *peer) roundTrip(s stream, off, n int64) error {
	if err := p.send(s, off, n); err != nil {
		return err
	}
	return p.expect(s, off, n)
}

// blocked is how long a sender must have been stuck to be sure that it is not just waiting for its turn.
const blocked = 500 * time.Millisecond

// fillUp sends s from position off until nobody takes any more, or until limit bytes are sent. It returns how much was taken and
// when the last byte was.
func (p *peer) fillUp(s stream, off, limit int64) (sent int64, last time.Time, err error) {
	return p.fillUpWith(s, off, filling{limit: limit, piece: chunk})
}

// filling is how a connection is filled up.
type filling struct {
	limit, piece int64         // how many bytes at most, and how many at once
	pause        time.Duration // before each piece
	until        time.Time     // when to be content with what was taken; zero is never
}

// fillUpWith is fillUp in another manner.
func (p *peer) fillUpWith(s stream, off int64, with filling) (sent int64, last time.Time, err error) {
	raw, err := p.SyscallConn()
	if err != nil {
		return 0, last, err
	}
	defer func() { _ = p.SetWriteDeadline(p.t.deadline) }()
	buf := make([]byte, with.piece)
	last = time.Now()
	for sent < with.limit && (with.until.IsZero() || time.Now().Before(with.until)) {
		b := buf[:min(with.limit-sent, with.piece)]
		s.fill(b, off+sent)
		if with.pause > 0 {
			if err := p.t.pause(with.pause); err != nil {
				return sent, last, err
			}
		}
		_ = p.SetWriteDeadline(time.Now().Add(blocked))
		// A plain Write would go on until the whole chunk is taken and hide when the last byte of a part was.
		var n int
		var failure error
		err := raw.Write(func(fd uintptr) bool {
			n, failure = unix.Write(int(fd), b)
			return failure != unix.EAGAIN && failure != unix.EINTR
		})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return sent, last, nil
		}
		if err == nil {
			err = failure
		}
		if err != nil {
			return sent, last, wrong(fmt.Sprintf("the %s's bytes to be taken until the buffers are full", p.name),
				"%s after %s", describe(err), size(sent))
		}
		if n > 0 {
			sent, last = sent+int64(n), time.Now()
		}
	}
	return sent, last, nil
}

// state asks the kernel how the connection stands, without taking a byte from it: a peer that refuses to read cannot read to
// find out that its connection is gone.
func (p *peer) state() (ending, bool) {
	info, err := p.info()
	if err != nil {
		return endReset, true
	}
	switch info.State {
	case stateClose:
		return endReset, true
	case stateCloseWait, stateLastAck, stateClosing, stateTimeWait:
		return endFIN, true
	}
	return "", false
}

// States of a connection in the kernel's numbering (include/net/tcp_states.h).
const (
	stateTimeWait  = 6
	stateClose     = 7
	stateCloseWait = 8
	stateLastAck   = 9
	stateClosing   = 11
)

func (p *peer) info() (info *unix.TCPInfo, err error) {
	raw, err := p.SyscallConn()
	if err != nil {
		return nil, err
	}
	if e := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); e != nil {
		return nil, e
	}
	return info, err
}

// lastReceived is when the kernel last took a segment with bytes for this side, read or not.
func (p *peer) lastReceived() (time.Time, error) {
	info, err := p.info()
	if err != nil {
		return time.Time{}, err
	}
	return time.Now().Add(-time.Duration(info.Last_data_recv) * time.Millisecond), nil
}

// awaitState waits until the kernel has seen the other side's end, up to a moment.
func (p *peer) awaitState(until time.Time) (end ending, at time.Time, ok bool) {
	for {
		end, ok = p.state()
		at = time.Now()
		if ok || at.After(until) || p.t.ctx.Err() != nil {
			return end, at, ok
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// unacknowledged is how many bytes this side has sent that the forwarder's kernel has not taken yet.
func (p *peer) unacknowledged() (n int, err error) {
	raw, err := p.SyscallConn()
	if err != nil {
		return 0, err
	}
	if e := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); e != nil {
		return 0, e
	}
	return n, err
}

// awaitAcknowledged waits until the forwarder's kernel has taken all that this side has sent.
func (p *peer) awaitAcknowledged() error {
	limit := time.Now().Add(promptly)
	for {
		n, err := p.unacknowledged()
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if time.Now().After(limit) {
			return wrong(fmt.Sprintf("the forwarder to take the %s's bytes", p.name), "%d bytes that it has not taken", n)
		}
		time.Sleep(time.Millisecond)
	}
}

// sendUrgent sends one byte as urgent data.
func (p *peer) sendUrgent(b byte) error {
	raw, err := p.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = unix.Sendto(int(fd), []byte{b}, unix.MSG_OOB, nil) }); err != nil {
		return err
	}
	return failure
}
