//go:build linux

package attack

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// namespace is a network of its own, with a loopback. It has no name in the system, and is gone when the last process and the last
// descriptor in it are: nobody has to clean up behind a test that was killed.
type namespace struct {
	t    *testing.T
	file *os.File
}

// newNamespace makes one for the length of a test.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	n := &namespace{t: t}
	made := make(chan error)
	go func() {
		made <- onThread(func() (err error) {
			if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
				n.file, err = os.Open(threadNetwork())
			}
			return err
		})
	}()
	if err := <-made; err != nil {
		skip(t, fmt.Sprintf("the test may not make a network namespace (%v): run it as root", err))
	}
	t.Cleanup(func() { _ = n.file.Close() })
	n.ip("link", "set", "lo", "up")
	return n
}

// threadNetwork is the file of the network namespace that the calling thread is in.
func threadNetwork() string { return fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()) }

// onThread runs f on a thread that may change its network namespace, and takes the thread back to where it was. A thread must not just
// be left to die: a process that it has started, such as a proxy, would be taken for an orphan and killed.
func onThread(f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open(threadNetwork())
	if err != nil {
		return err
	}
	defer func() { _ = home.Close() }()
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		panic(back) // on whatever else this thread did, the test would go on in the wrong network
	}
	runtime.UnlockOSThread()
	return err
}

// do runs f inside the namespace: sockets that it opens stay there, also for those who use them elsewhere. It must not start goroutines
// that open some; a dialler for an address, unlike one for a name, does not either.
func (n *namespace) do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return f()
	})
}

// dial connects inside the namespace.
func (n *namespace) dial(dialer net.Dialer, addr string) (c *net.TCPConn, err error) {
	err = n.do(func() error {
		any, err := dialer.Dial("tcp", addr)
		if err == nil {
			c = any.(*net.TCPConn)
		}
		return err
	})
	return c, err
}

// listen opens a destination inside the namespace, until the end of the test.
func (n *namespace) listen(addr string) *net.TCPListener {
	n.t.Helper()
	var l net.Listener
	err := n.do(func() (err error) { l, err = net.Listen("tcp", addr); return err })
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

// path is how another process finds the namespace.
func (n *namespace) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// enter has the proxy run inside the namespace.
func (n *namespace) enter(c *exec.Cmd) { wrapped("nsenter", "--net="+n.path())(c) }

// ip runs the command of that name inside the namespace.
func (n *namespace) ip(args ...string) {
	n.t.Helper()
	out, err := exec.Command("nsenter", append([]string{"--net=" + n.path(), "ip"}, args...)...).CombinedOutput()
	if err != nil {
		if _, missing := exec.LookPath("ip"); missing != nil {
			skip(n.t, "there is no ip command: install iproute2")
		}
		n.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// set changes a setting of the namespace's network.
func (n *namespace) set(name, value string) {
	n.t.Helper()
	err := n.do(func() error { return os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644) })
	if err != nil {
		n.t.Fatal(err)
	}
}

// join lays a cable between two namespaces, with an address at each end.
func join(a, b *namespace, cable, addrA, addrB string) {
	a.t.Helper()
	a.ip("link", "add", cable, "type", "veth", "peer", "name", cable, "netns", b.path())
	a.ip("addr", "add", addrA+"/24", "dev", cable)
	b.ip("addr", "add", addrB+"/24", "dev", cable)
	a.ip("link", "set", cable, "up")
	b.ip("link", "set", cable, "up")
}
