package test

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// seedOf is the seed of a random test, from the environment or from the clock. It is printed, so that a failure can be played again.
func seedOf(t *testing.T, variable string) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv(variable); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
	}
	t.Logf("seed %d; to play it again: %s=%d go test -run '^%s$' ./test", seed, variable, seed, t.Name())
	return seed
}
