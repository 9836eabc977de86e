package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// worker is the process that relays. It may be killed at any instant: it looks at what has come, gives it to the other side, and takes it
// only then. What it has given and not taken is the difference of what the system has counted at the two sockets.
type worker struct {
	p      *proxy
	keeper *net.UnixConn

	known map[int]bool

	mu sync.Mutex // one word to the keeper at a time
}

// work relays what the keeper hands over, as long as there is a keeper.
func (p *proxy) work() error {
	_ = os.WriteFile("/proc/self/comm", []byte(workerName), 0)
	conn, err := net.FileConn(os.NewFile(3, "keeper"))
	if err != nil {
		return err
	}
	w := &worker{p: p, keeper: conn.(*net.UnixConn), known: map[int]bool{}}
	if !p.takesFirst {
		p.read, p.write = peek, giveThenTake
	}
	go p.watch()
	text, rights := make([]byte, 256), make([]byte, unix.CmsgSpace(2*4))
	for {
		n, m, _, _, err := w.keeper.ReadMsgUnix(text, rights)
		if err != nil || n == 0 {
			return nil
		}
		var h handed
		if err := json.Unmarshal(text[:n], &h); err != nil {
			return err
		}
		client, server, err := received(rights[:m])
		if err != nil {
			return err
		}
		if w.known[h.ID] { // the keeper could not know whether it had come
			client.Close()
			server.Close()
			continue
		}
		w.known[h.ID] = true
		go w.relay(h, client, server)
	}
}

// relay runs one connection to its end.
func (w *worker) relay(h handed, client, server *net.TCPConn) {
	s := newSession(w.p, client, server)
	both := []*direction{s.up, s.down}
	if !w.p.tellsNoReset {
		s.failing = func(d *direction) { w.tell(told{h.ID, 1 + slices.Index(both, d)}) }
	}
	for i, d := range both {
		d.failed = h.Failed[i]
		if !w.p.repeats {
			skipGiven(d, h.Base[1-i])
		}
	}
	w.p.run(s)
	w.tell(told{ID: h.ID})
}

func (w *worker) tell(word told) {
	text, _ := json.Marshal(word)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.keeper.Write(text)
}

// received makes connections of descriptors that came with a message.
func received(rights []byte) (client, server *net.TCPConn, err error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return nil, nil, errors.New("no sockets came with a message")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 2 {
		return nil, nil, errors.New("no two sockets came with a message")
	}
	var both [2]*net.TCPConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socket")
		conn, err := net.FileConn(file)
		file.Close()
		if err != nil {
			return nil, nil, err
		}
		both[i] = conn.(*net.TCPConn)
	}
	return both[0], both[1], nil
}

// peek waits for bytes and leaves them where they are.
func peek(d *direction, b []byte) (n int, err error) {
	raw, err := d.from.SyscallConn()
	if err != nil {
		return 0, err
	}
	if e := raw.Read(func(fd uintptr) bool {
		n, _, err = unix.Recvfrom(int(fd), b, unix.MSG_PEEK)
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	}); e != nil {
		return 0, e
	}
	switch {
	case err != nil:
		return 0, err
	case n == 0 && d.failed:
		return 0, syscall.ECONNRESET // which the system has told to the worker before
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func giveThenTake(d *direction, b []byte) error {
	if err := d.write(b); err != nil {
		return err
	}
	return take(d, int64(len(b)))
}

// take drops the next n bytes.
func take(d *direction, n int64) error {
	_, err := io.CopyN(io.Discard, struct{ io.Reader }{d.from}, n)
	return err
}

// skipGiven takes what the worker before has given and had no time to take. base is what was counted as given when the socket was new.
func skipGiven(d *direction, base int64) {
	out, err := given(d.to)
	if err != nil {
		return
	}
	in, waiting, err := taken(d.from)
	if err != nil {
		return
	}
	// When the end has been passed on, it counts among what was given; nothing waits then.
	if extra := min(out-base-in, waiting); extra > 0 {
		_ = take(d, extra)
	}
}

// given is how many bytes this side has sent over a socket, by the system's own count.
func given(c *net.TCPConn) (int64, error) {
	for {
		before, err := tcpInfo(c)
		if err != nil {
			return 0, err
		}
		queued, err := ioctl(c, unix.SIOCOUTQ)
		if err != nil {
			return 0, err
		}
		if after, err := tcpInfo(c); err != nil || after.Bytes_acked == before.Bytes_acked { // else one has come between the two
			return int64(before.Bytes_acked) + int64(queued), err
		}
	}
}

// taken is how many bytes were taken from a socket, and how many wait there.
func taken(c *net.TCPConn) (n, waiting int64, err error) {
	for {
		before, err := tcpInfo(c)
		if err != nil {
			return 0, 0, err
		}
		queued, err := ioctl(c, unix.SIOCINQ)
		if err != nil {
			return 0, 0, err
		}
		after, err := tcpInfo(c)
		if err != nil {
			return 0, 0, err
		}
		if after.Bytes_received == before.Bytes_received {
			n := int64(after.Bytes_received) - int64(queued)
			switch after.State {
			case unix.BPF_TCP_CLOSE_WAIT, unix.BPF_TCP_LAST_ACK, unix.BPF_TCP_CLOSING, unix.BPF_TCP_TIME_WAIT:
				n-- // the peer's FIN counts as a byte
			case unix.BPF_TCP_CLOSE: // after both ends, or after a reset
				if queued > 0 && endBehind(c, queued) {
					n--
				}
			}
			return n, int64(queued), nil
		}
	}
}

// endBehind reports whether the peer's FIN has come behind bytes that wait. The hint that can be had with them counts it, SIOCINQ does not.
func endBehind(c *net.TCPConn, waiting int) (yes bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_INQ, 1)
		var one [1]byte
		control := make([]byte, unix.CmsgSpace(4))
		_, size, _, _, err := unix.Recvmsg(int(fd), one[:], control, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if err != nil {
			return
		}
		for messages, _ := unix.ParseSocketControlMessage(control[:size]); len(messages) > 0; messages = messages[1:] {
			m := messages[0]
			if m.Header.Level == unix.IPPROTO_TCP && m.Header.Type == unix.TCP_CM_INQ {
				yes = int(binary.NativeEndian.Uint32(m.Data)) > waiting
			}
		}
	})
	return yes
}

func tcpInfo(c *net.TCPConn) (info *unix.TCPInfo, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	if e := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); e != nil {
		return nil, e
	}
	return info, err
}
