//go:build linux

package attack

import (
	big "encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// nameServer answers all questions of a namespace for IPv4 addresses as it is told to at the time, and those for others with nothing.
type nameServer struct {
	answer atomic.Pointer[nameAnswer]
	asked  atomic.Int64
}

// nameAnswer is what the server does with a question.
type nameAnswer struct {
	silent  bool          // say nothing
	garbled bool          // say what is no answer at all
	wrongID bool          // answer another question
	missing bool          // say that there is no such name
	delay   time.Duration // answer late
	addrs   []netip.Addr
}

// startNameServer runs one on 127.0.0.1 in a namespace, until the end of the test.
func startNameServer(t *testing.T, n *namespace, first nameAnswer) *nameServer {
	t.Helper()
	s := &nameServer{}
	s.answer.Store(&first)
	var conn net.PacketConn
	err := n.do(func() (err error) { conn, err = net.ListenPacket("udp4", "127.0.0.1:53"); return err })
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			s.asked.Add(1)
			answer := *s.answer.Load()
			reply := answer.reply(append([]byte(nil), buffer[:n]...))
			if answer.silent || reply == nil {
				continue
			}
			all.Add(1)
			time.AfterFunc(answer.delay, func() {
				_, _ = conn.WriteTo(reply, from)
				all.Done()
			})
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		all.Wait()
	})
	return s
}

// reply makes the message of RFC 1035 that answers a question, of which there is one in a message.
func (a nameAnswer) reply(question []byte) []byte {
	const header = 12
	end := header
	for end < len(question) && question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5 // the name's end, its type and its class
	if end > len(question) {
		return nil
	}
	if a.garbled {
		return append(question[:2:2], 0xff, 0xff, 0xff)
	}
	m := append([]byte(nil), question[:end]...)
	big.BigEndian.PutUint16(m[2:], 0x8180) // a recursive server's answer
	big.BigEndian.PutUint16(m[10:], 0)     // nothing additional, whatever the question had
	if a.wrongID {
		m[0] ^= 0xff
	}
	if a.missing {
		m[3] |= 3 // no such name
		return m
	}
	if big.BigEndian.Uint16(m[end-4:]) != 1 {
		return m // no addresses but those of IPv4
	}
	big.BigEndian.PutUint16(m[6:], uint16(len(a.addrs)))
	for _, addr := range a.addrs {
		ip := addr.As4()
		m = append(m, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		m = append(m, ip[:]...)
	}
	return m
}

// enterNamed has the proxy run inside the namespace and ask the name server there. The table of hosts has no names.
func (n *namespace) enterNamed(t *testing.T) preparation {
	t.Helper()
	servers := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(servers, []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return wrapped("nsenter", "--net="+n.path(), "unshare", "--mount", "sh", "-c",
		`mount --bind "$0" /etc/resolv.conf && exec "$@"`, servers)
}

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	nobody   = netip.MustParseAddr("127.0.0.99") // where nobody listens
)

// A name server may be slow, silent or wrong. That is the matter of those who wait for it: they are told within --connect-timeout,
// sessions that have their connection do not notice, and as soon as it answers again all is well.
func TestNameServersThatMisbehave(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		answer nameAnswer
		cause  string // how the sessions end; empty: they do not, and the client is served
	}{
		{"silent", nameAnswer{silent: true}, "unresolved"},
		{"slower than the timeout", nameAnswer{delay: 3 * time.Second, addrs: []netip.Addr{loopback}}, "unresolved"},
		{"slow", nameAnswer{delay: 300 * time.Millisecond, addrs: []netip.Addr{loopback}}, ""},
		{"no such name any more", nameAnswer{missing: true}, "unresolved"},
		{"an answer to something else", nameAnswer{wrongID: true, addrs: []netip.Addr{loopback}}, "unresolved"},
		{"not an answer at all", nameAnswer{garbled: true}, ""},
		{"a wrong address", nameAnswer{addrs: []netip.Addr{nobody}}, "refused"},
		{"wrong addresses and a right one", nameAnswer{addrs: []netip.Addr{nobody, netip.MustParseAddr("127.0.0.98"), loopback}}, ""},
		{"no address", nameAnswer{}, "unresolved"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNamespace(t)
			good := nameAnswer{addrs: []netip.Addr{loopback}}
			s := startNameServer(t, n, good)
			serve(t, n.listen("127.0.0.1:7000"), echo)
			p := startPrepared(t, n.enterNamed(t), "127.0.0.1", "fickle.example:7000",
				"--connect-timeout", "2s", "--idle-timeout", "30s", "--log-level", "debug")
			before := p.holds()
			dial := func() (*net.TCPConn, error) {
				c, err := n.dial(net.Dialer{Timeout: patience}, p.addr)
				if err == nil {
					_ = c.SetDeadline(time.Now().Add(2 * patience))
				}
				return c, err
			}
			stays, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stays.Close() }()
			if err := ping(stays); err != nil {
				t.Fatal(err)
			}

			// What was answered is known for a while; the next question comes when it is asked again.
			s.answer.Store(&test.answer)
			asked := s.asked.Load()
			eventually(t, 2*patience, "the name server is asked again", func() bool {
				if c, err := dial(); err == nil {
					reset(c)
				}
				time.Sleep(100 * time.Millisecond)
				return s.asked.Load() > asked
			})

			started := time.Now()
			worst := time.Duration(0)
			over, watched := make(chan struct{}), make(chan error, 1)
			go func() {
				for !isClosed(over) {
					sent := time.Now()
					if err := ping(stays); err != nil {
						watched <- err
						return
					}
					worst = max(worst, time.Since(sent))
					time.Sleep(5 * time.Millisecond)
				}
				watched <- nil
			}()
			err = each(30, 30, func(i int) error {
				c, err := dial()
				if isReset(err) && test.cause != "" {
					return nil // so soon that the dialler already hears of it
				}
				if err != nil {
					return err
				}
				defer func() { _ = c.Close() }()
				if i%3 == 2 && test.cause != "" { // some do not wait
					reset(c)
					return nil
				}
				var n int
				if _, err = c.Write([]byte("ping")); err == nil {
					n, err = c.Read(make([]byte, 4))
				}
				switch {
				case test.name == "not an answer at all":
					return nil // it is for the system's rules how that ends: in time, is what counts
				case test.cause == "" && (n == 0 || err != nil):
					return errors.Join(errors.New("the client is not served"), err)
				case test.cause != "" && !isReset(err):
					return errors.Join(errors.New("the client is not reset"), err)
				}
				return nil
			})
			took := time.Since(started)
			close(over)
			err = errors.Join(err, <-watched)
			t.Logf("all told after %v; the session beside waited for %v at most", took.Round(time.Millisecond), worst.Round(time.Microsecond))
			if err != nil {
				t.Error(err)
			}
			if limit := 2*time.Second + 2*time.Second; took > limit {
				t.Errorf("the clients were told after %v, want %v at most", took, limit)
			}
			if worst > 500*time.Millisecond {
				t.Errorf("another session waited for %v", worst)
			}
			// One whose look-up takes all the time there is may be logged as either: the look-up and the session have the same deadline.
			// The log comes a little after the reset.
			if c := test.cause; c != "" {
				eventually(t, patience, "a session is logged as "+c, func() bool {
					return p.log.has("cause="+c) || c == "unresolved" && p.log.has("cause=connect-timeout")
				})
			}

			s.answer.Store(&good) // an answer that failed is not kept; one that succeeded is, for some seconds
			eventually(t, 2*patience, "clients are served again", func() bool {
				c, err := dial()
				if err != nil {
					return false
				}
				defer func() { _ = c.Close() }()
				return ping(c) == nil
			})
			_ = stays.Close()
			p.givesBack(t, before)
		})
	}
}
