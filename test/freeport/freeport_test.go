package freeport

import (
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen fails the test if a port of some address cannot be had.
func listen(t *testing.T, host, port string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// hosts are addresses on which a port may be taken, or wanted; the empty one is all of both families.
var hosts = []string{"127.0.0.1", "127.0.0.2", "::1", ""}

func TestPortTakenOnOneAddressIsNotFree(t *testing.T) {
	for _, host := range hosts {
		port := For(t)
		number, _ := strconv.Atoi(port)
		if !bindable(number) {
			t.Errorf("port %s is not free", port)
		}
		listen(t, host, port)
		if bindable(number) {
			t.Errorf("port %s is taken on %q only, and said to be free", port, host)
		}
	}
}

// A program that does not reuse addresses can have no port on which there are still connections.
func TestPortOfConnectionIsNotFree(t *testing.T) {
	l := listen(t, "127.0.0.1", For(t))
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	l.Close()
	if port := l.Addr().(*net.TCPAddr).Port; bindable(port) {
		t.Errorf("port %d has a connection, and is said to be free", port)
	}
}

func TestPortIsReservedUntilReleased(t *testing.T) {
	port, release, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reserve(port); err == nil {
		t.Errorf("port %d was given to two", port)
	}
	release()
	reservation, err := reserve(port)
	if err != nil {
		t.Fatalf("port %d was released: %v", port, err)
	}
	reservation.Close()
}

func TestOutgoingConnectionsCannotTakePorts(t *testing.T) {
	l := listen(t, "127.0.0.1", "0") // from the same range as connections
	port, _ := strconv.Atoi(For(t))
	if first := ephemeral(); port >= first || l.Addr().(*net.TCPAddr).Port < first {
		t.Errorf("port %d, and the system gives %v to whoever does not ask for one", port, l.Addr())
	}
}

// goesAway reports whether what was in the way of listening is gone soon, as the copy of a socket is. Some program that does not ask here
// for its ports may have this one, and stays.
func goesAway(addr string) bool {
	for range 100 {
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return true
		}
		time.Sleep(time.Millisecond) // between two looks
	}
	return false
}

// That a process is just being started must not keep a port from being listened on.
func TestPortIsFreeWhileProcessesAreStarted(t *testing.T) {
	over, ended := make(chan struct{}), make(chan error)
	const starters = 4
	for range starters {
		go func() {
			for {
				select {
				case <-over:
					ended <- nil
					return
				default:
				}
				if err := exec.Command("true").Run(); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	for i := range 400 {
		// Each port once: those who are just being started have copies of this socket, too.
		addr := net.JoinHostPort(hosts[i%len(hosts)], For(t))
		l, err := net.Listen("tcp", addr)
		if err == nil {
			l.Close()
		} else if goesAway(addr) {
			t.Error(err)
			break
		}
	}
	close(over)
	for range starters {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
