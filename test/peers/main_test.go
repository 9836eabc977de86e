//go:build linux

// Package peers runs clients and servers that people really use through the built proxy, and compares what arrives with what was
// sent. Nothing here knows how the proxy works: a transfer that is corrupted, cut short or stalled fails the client or the
// comparison, whatever the reason.
//
// Every server is an instance of the test's own, with its configuration and data in the test's directory. Services of the machine
// are neither used nor disturbed.
package peers

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

var (
	// binary is the program under test, built once for all tests.
	binary string
	// sharedDir is for what several tests use. It goes when the last of them is over.
	sharedDir string
	// host is what servers and proxies listen on. All of 127.0.0.0/8 is loopback, so every run of these tests can have an address
	// to itself: no other program takes its ports, not even as the near end of an outgoing connection, since those are on 127.0.0.1.
	host = ownAddress(os.Getpid())
)

func ownAddress(pid int) string {
	return netip.AddrFrom4([4]byte{127, byte(64 + pid>>16&63), byte(pid >> 8), byte(pid)}).String()
}

func TestMain(m *testing.M) {
	var err error
	if sharedDir, err = os.MkdirTemp("", "tcpproxy-peers-"); err == nil {
		err = build()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		_ = os.RemoveAll(sharedDir)
		os.Exit(1)
	}
	// Debian has servers where not everybody's path leads.
	_ = os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(sharedDir)
		os.Exit(code)
	}))
}

func build() error {
	binary = filepath.Join(sharedDir, "tcpproxy")
	args := []string{"build", "-o", binary}
	if underRace {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "tcpproxy/cmd/tcpproxy")...).CombinedOutput(); err != nil {
		return fmt.Errorf("the proxy does not build: %w\n%s", err, out)
	}
	return nil
}
