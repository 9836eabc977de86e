//go:build linux

// The tests of this package work on real sockets and count real descriptors, so most of them are for Linux, whose epoll, splice and
// /proc they lean on. TestWheel runs everywhere.

package wire

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails the package if a test leaves a goroutine or a descriptor behind.
func TestMain(m *testing.M) {
	time.Sleep(time.Nanosecond) // the first timer makes the runtime open its own poller
	before := descriptors()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if after := descriptors(); code == 0 && after != before {
			fmt.Fprintf(os.Stderr, "FAIL: %d descriptors before the tests, %d after\n", before, after)
			code = 1
		}
		os.Exit(code)
	}))
}

// descriptors is how many descriptors this process has open, the one that looks included.
func descriptors() int {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	return len(open)
}
