//go:build linux

package wire

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// bound is a socket that is bound to an address; the caller closes it, even if there is an error.
func bound(addr netip.AddrPort) (fd int, err error) {
	family, sa := sockaddr(addr)
	if fd, err = newSocket(family); err != nil {
		return fd, err
	}
	return fd, unix.Bind(fd, sa)
}

// TestNeverConnectedToItself has the system give a connection the port that it goes to: nobody listens there, so it is refused, and the
// port is free afterwards for the server to come.
func TestNeverConnectedToItself(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0", "0.0.0.0:0", "[::]:0"} {
		t.Run(addr, func(t *testing.T) {
			d := newDriver(t, 0)
			to := netip.MustParseAddrPort(addr)
			first, err := bound(to)
			if LacksIPv6(err) {
				closeDescriptor(first)
				t.Skip("this machine has no IPv6")
			} else if err != nil {
				t.Fatal(err)
			}
			to = netip.AddrPortFrom(to.Addr(), LocalAddr(first).Port())
			made := 0
			fd, err := connectFrom(func(family int) (int, error) {
				if made++; made == 1 {
					return first, nil
				}
				return newSocket(family)
			}, to)
			if err != nil {
				t.Fatal(err)
			}
			w := watch(d, fd)
			d.until("the verdict", func() bool { return w.told&Writable != 0 })
			if err := w.ConnectError(); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("nobody listens, and ConnectError says %v", err)
			}
			again, err := bound(to)
			if err != nil {
				t.Errorf("the port cannot be had afterwards: %v", err)
			}
			closeDescriptor(again)
		})
	}
}

// TestMeetsItself tells ends that are one from ends that only look alike.
func TestMeetsItself(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"127.0.0.1:40000", "127.0.0.1:40000", true},
		{"127.0.0.1:40000", "[::ffff:127.0.0.1]:40000", true},
		{"127.0.0.1:40000", "0.0.0.0:40000", true},
		{"[::1]:40000", "[::]:40000", true},
		{"[fe80::1%2]:40000", "[fe80::1%eth0]:40000", true},
		{"127.0.0.1:40001", "127.0.0.1:40000", false},
		{"127.0.0.1:40000", "127.0.0.2:40000", false},
		{"192.0.2.1:40000", "192.0.2.2:40000", false},
	} {
		if got := meetsItself(netip.MustParseAddrPort(c.from), netip.MustParseAddrPort(c.to)); got != c.want {
			t.Errorf("from %s to %s: %v", c.from, c.to, got)
		}
	}
}

// TestSourcePorts reads the system's range, and what is no range.
func TestSourcePorts(t *testing.T) {
	for text, want := range map[string][2]uint16{
		"32768\t60999\n": {32768, 60999},
		"1024 65535":     {1024, 65535},
		"":               {0, 65535},
		"5000":           {0, 65535},
		"60000 50000":    {0, 65535},
		"1 99999":        {0, 65535},
	} {
		if first, last := parseRange(text); [2]uint16{first, last} != want {
			t.Errorf("%q: %d to %d", text, first, last)
		}
	}
	_, to := listen(newDriver(t, 0))
	fd, err := connect(to)
	if err != nil {
		t.Fatal(err)
	}
	defer closeDescriptor(fd)
	first, last := sourcePorts()
	if port := LocalAddr(fd).Port(); port < first || port > last || first == 0 {
		t.Errorf("the source port is %d, the range is said to be %d to %d", port, first, last)
	}
}
