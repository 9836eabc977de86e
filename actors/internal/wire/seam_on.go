//go:build seams

package wire

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// dieAt is the seam to die at, in passing it for the dieAfter-th time: TCPPROXY_SEAM="fill: end noted=3". Only one process dies, whoever
// takes away the file that TCPPROXY_SEAM_TOKEN names; without that, each one does. With TCPPROXY_SEAM=list the names of the seams that
// are passed go to standard error.
var (
	dieAt, dieAfter = readSeam(os.Getenv("TCPPROXY_SEAM"))
	passed          atomic.Int64
)

func readSeam(text string) (name string, times int64) {
	name, count, _ := strings.Cut(text, "=")
	times, _ = strconv.ParseInt(count, 10, 64)
	return name, times
}

func seam(name string) {
	switch {
	case dieAt == "list":
		fmt.Fprintln(os.Stderr, "seam:", name)
	case name == dieAt && passed.Add(1) == dieAfter && mayDie():
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {} // the signal may take a moment to arrive, and nothing must happen meanwhile
	}
}

func mayDie() bool {
	token := os.Getenv("TCPPROXY_SEAM_TOKEN")
	return token == "" || os.Remove(token) == nil
}

// Seam is seam for other packages.
func Seam(name string) { seam(name) }
