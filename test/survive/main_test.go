//go:build linux

// Package survive tests that a proxy with --survive outlives its processes: kill -9 at every instant that its code knows, at random, and
// under the programs that people run through it.
package survive

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"tcpproxy/test/program"
)

// The program under test, built once for all tests: as users have it, and with seams to die at.
var plain, withSeams string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "tcpproxy-survive-")
	if err == nil {
		plain, err = program.Build(dir)
	}
	if err == nil {
		withSeams, err = program.Build(dir, "seams")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// chance is what a random test decides by. It prints its seed, and takes it back in SURVIVE_SEED.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("SURVIVE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SURVIVE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
