package wire

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// observed is one end of a connection, and what whoever used it knows: what Ask must find out.
type observed struct {
	t            fataler
	fd           int
	opener       bool
	taken, given uint64
	shut         bool // we ended our direction, while the connection stood
}

// observedPair is a connection. The first end is the one that dialled, or the one that accepted.
func observedPair(t fataler, addr string, opener bool) (us, peer *observed) {
	a, d := tcpPairAt(t, addr)
	if opener {
		a, d = d, a
	}
	return &observed{t: t, fd: a, opener: opener}, &observed{t: t, fd: d, opener: !opener}
}

func (o *observed) write(n int) {
	did, errno := send(o.fd, junk[:n])
	if errno == 0 {
		o.given += uint64(did)
	} else if errno != syscall.EAGAIN && errno != syscall.EPIPE && errno != syscall.ECONNRESET {
		o.t.Fatal("send:", errno)
	}
}

// fill writes until no more is accepted and the peer has no room left: much of it, and a FIN that comes behind, stays unsent.
func (o *observed) fill() {
	for wait := patience(o.t); ; wait() {
		was := o.given
		o.write(len(junk))
		var info unix.TCPInfo
		if err := tcpInfo(o.fd, &info); err != nil {
			o.t.Fatal(err)
		}
		if o.given == was && info.Notsent_bytes > 100_000 || info.State == tcpClose {
			return
		}
	}
}

// read reads up to n bytes and returns how many; an end or an error it takes, too.
func (o *observed) read(n int) int {
	did, _ := recv(o.fd, scratch[:n])
	o.taken += uint64(did)
	return did
}

// splice reads up to n bytes into a pipe.
func (o *observed) splice(n int) {
	r, w, err := newPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	defer closeDescriptor(r)
	defer closeDescriptor(w)
	did, _ := splice(o.fd, w, n)
	o.taken += uint64(did)
	if held, err := PipeHolds(r); held != did || err != nil {
		o.t.Fatalf("the pipe holds %d of %d bytes: %v", held, did, err)
	}
}

// need reads exactly n bytes.
func (o *observed) need(n int) {
	for wait := patience(o.t); n > 0; wait() {
		n -= o.read(n)
	}
}

// urgent writes one byte of urgent data.
func (o *observed) urgent() {
	switch err := unix.Sendto(o.fd, junk[:1], unix.MSG_OOB|unix.MSG_NOSIGNAL, nil); err {
	case nil:
		o.given++
	case unix.EAGAIN, unix.EPIPE, unix.ECONNRESET:
	default:
		o.t.Fatal("urgent: ", err)
	}
}

// end ends our direction; a connection that is gone refuses.
func (o *observed) end() {
	if unix.Shutdown(o.fd, unix.SHUT_WR) == nil {
		o.shut = true
	}
}

// check asks, and compares.
func (o *observed) check() Truth {
	o.t.Helper()
	truth, err := Ask(o.fd, o.opener)
	if err != nil {
		o.t.Fatal("ask: ", err)
	}
	if truth.Taken != o.taken || truth.TakenUnsure {
		o.t.Fatalf("%d bytes were taken: %+v", o.taken, truth)
	}
	if truth.GivenUnsure {
		var info unix.TCPInfo
		if tcpInfo(o.fd, &info) != nil || !truth.Closed || truth.FinOut || info.Notsent_bytes == 0 {
			o.t.Fatalf("unsure: %+v", truth)
		}
		settled, ok := truth.KnowingGiven(o.given)
		if !ok || settled.FinOut != o.shut || settled != truth.KnowingFinOut(o.shut) {
			o.t.Fatalf("%d bytes were given, FIN %v: %+v", o.given, o.shut, truth)
		}
		truth.FinOut, truth.Given = settled.FinOut, settled.Given
	}
	if truth.Given != o.given || truth.FinOut != o.shut {
		o.t.Fatalf("%d bytes were given, FIN %v: %+v", o.given, o.shut, truth)
	}
	if truth.Closed && truth.Unread == 0 {
		if fin, known := finMapped(o.fd); !known || fin != truth.FinIn {
			o.t.Fatalf("asked through a mapping, FIN %v, known %v: %+v", fin, known, truth)
		}
	}
	return truth
}

// until checks until the system is where it was to come.
func (o *observed) until(what string, come func(Truth) bool) Truth {
	o.t.Helper()
	for wait := patience(o.t); ; wait() {
		if truth := o.check(); come(truth) {
			return truth
		}
	}
}

func (o *observed) close() { closeDescriptor(o.fd) }

// junk is what is written, scratch where what is read goes: nobody looks.
var junk, scratch = make([]byte, 1<<20), make([]byte, 1<<20)

// cramp has much wait at one end that the other has no room for.
func cramp(from, to int) {
	if unix.SetsockoptInt(from, unix.SOL_SOCKET, unix.SO_SNDBUF, 200_000) != nil ||
		unix.SetsockoptInt(to, unix.SOL_SOCKET, unix.SO_RCVBUF, 100_000) != nil {
		panic("no room set")
	}
}

// state is what TCP_INFO says.
func state(t fataler, fd int) uint8 {
	var info unix.TCPInfo
	if err := tcpInfo(fd, &info); err != nil {
		t.Fatal(err)
	}
	return info.State
}

// tcpPairAt is tcpPair at an address to listen on.
func tcpPairAt(t fataler, addr string) (accepted, dialed int) {
	t.Helper()
	fd, err := bindOne(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer closeDescriptor(fd)
	dialed, err = connect(LocalAddr(fd))
	if err != nil {
		t.Fatal(err)
	}
	listening := bare(nil, fd)
	for wait := patience(t); ; wait() {
		if accepted, _, errno := listening.Accept(); errno == 0 {
			return accepted, dialed
		}
	}
}

// TestTruthOfEveryEnd takes connections through all states to every kind of end, in steps, and asks after each.
//
// A letter is a step: of ours in lower case, of the peer's in upper case.
//
//	w write 1000 bytes    f write until no more is accepted    u write an urgent byte
//	r read 300 bytes      d read all there is                  s read 300 into a pipe
//	e end our direction   R (peer's) reset
//
// After the peer's steps W and E, what it sent has arrived; = followed by a state's name waits for that.
func TestTruthOfEveryEnd(t *testing.T) {
	paths := []string{
		"", "w", "W", "Wr", "Wd", "wD", "wWDd",
		// Ends of one direction.
		"e", "we", "wDe", "E", "WE", "WEr", "WEd", "WEdd", "Ed", "wE", "fe", "fE", "Wfe", "WfE",
		// Ends of both: ours first, the peer's first, crossing.
		"eE=close", "weE=close", "wDeE=close", "eWE=close", "eWEr=close", "eWEd=close", "eWEdd=close", "eE=close", "eWrE=close",
		"Ee=close", "WEe=close", "WErwe=close", "WEdwe=close", "WEdwDe=close", "WEddwe=close", "Ewde=close",
		"fe=fin-wait-1E=closing", "feE=closingD=close", "feWE=closingrD=close", "feWE=closingdD=close", "feWE=closingddD=close",
		"Efe=last-ack", "Efe=last-ackD=close", "WErfe=last-ackD=close", "WEddfe=last-ackD=close", "feD=fin-wait-2", "feD=fin-wait-2E=close",
		// A reset at each of those.
		"R", "Rd", "Rdd", "wR", "WR", "WRr", "WRd", "WRdd", "WrR", "WdR", "wWR", "fR", "fRd", "fWR", "fWRd", "fWRdd", "fWrR",
		"eR", "weR", "wDeR", "eWR", "eWrR", "eWRd", "eWRdd", "feR", "feWR", "feWrR", "feWRd",
		"ER", "ERd", "WER", "WErR", "WErRd", "WEdR", "WEddR", "WERd", "WERdd", "EdR", "EwR", "WEwR", "WErwR", "EfR", "WEfR", "WEddfR",
		"Efe=last-ackR", "WEfe=last-ackR", "WErfe=last-ackR", "WEdfe=last-ackRdd", "WEddfe=last-ackR",
		"fe=fin-wait-1E=closingR", "feWE=closingR", "feWE=closingrR", "feWE=closingdR", "feWE=closingddR", "feWE=closingRdd",
		// A reset that finds the connection ended.
		"eER", "Ewe=closeR",
		// What is written, or ended, after the end.
		"Rw", "Re", "WRe", "WEReww", "eE=closewe",
		// Urgent bytes, at the mark, before it, behind it; and of our own.
		"U", "Ur", "WU", "WUr", "WUd", "WUdd", "UW", "UWr", "WUWr", "WUWd", "WUR", "WUrR", "WUE", "WUEd", "WUEdd", "WUEddd", "WUER", "WUErR",
		// Bytes and ends that were read into a pipe.
		"Ws", "WsE", "WEs", "WEdsd", "Es", "EsR", "WEdsR", "WEsR", "WsR", "eWEdse=close", "WUss", "WEdse=close",
		"UER", "URr", "WUdER", "WUWEeddd=close", "u", "wue", "ueE=close", "uR", "wuWueR", "feUE=closingR",
	}
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		for _, opener := range []bool{false, true} {
			for _, path := range paths {
				t.Run(fmt.Sprintf("%s/opener=%v/%s", addr, opener, path), func(t *testing.T) { walk(t, addr, opener, path) })
			}
		}
	}
}

var stateNames = map[string]uint8{
	"close": tcpClose, "closing": tcpClosing, "last-ack": tcpLastAck, "fin-wait-1": tcpFinWait1, "fin-wait-2": tcpFinWait2,
}

func walk(t *testing.T, addr string, opener bool, path string) {
	us, peer := observedPair(t, addr, opener)
	cramp(us.fd, peer.fd)
	gone := false
	defer us.close()
	defer func() {
		if !gone {
			peer.close()
		}
	}()
	us.until("established", func(truth Truth) bool { return !truth.Connecting })
	for rest := path; rest != ""; {
		step := rest[0]
		rest = rest[1:]
		switch step {
		case 'w':
			us.write(1000)
		case 'f':
			us.fill()
		case 'u':
			us.urgent()
		case 'r':
			us.read(300)
		case 's':
			us.splice(300)
		case 'd':
			us.read(1 << 20)
		case 'e':
			us.end()
		case 'W':
			peer.write(1000)
		case 'U':
			peer.urgent()
		case 'D':
			peer.need(int(us.given - peer.taken))
		case 'E':
			peer.end()
		case 'R':
			ResetDescriptor(peer.fd)
			gone = true
			us.until("reset", func(truth Truth) bool { return truth.Closed })
		case '=':
			for name, s := range stateNames {
				if strings.HasPrefix(rest, name) {
					rest = rest[len(name):]
					for wait := patience(t); state(t, us.fd) != s; wait() {
					}
					break
				}
			}
		}
		us.until("arrived", func(truth Truth) bool {
			return truth.Taken+uint64(truth.Unread) == peer.given && truth.FinIn == peer.shut
		})
		if !gone {
			peer.check()
		}
	}
}
