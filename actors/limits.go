package actors

import (
	"fmt"
	"sync/atomic"
	"syscall"
)

// descriptors is how the process shares out the descriptors that it may have (ulimit -n). A session takes two; a bulk flow may borrow a
// pipe, which is two more; some are kept for the loops, the standard files, the admin API and look-ups. Few descriptors are shared
// out in proportion, so that even 64 serve some twenty sessions.
type descriptors struct {
	limit int
	// scarce is the descriptor number from which on clients are let in one at a time, so that each gets its second descriptor, the one for
	// the destination, before the next gets its first.
	scarce int
	// starving is how many sessions found no descriptor for the destination's side. Until they have one nobody is let in: each client
	// takes a descriptor at once and asks for its second later, so many of them could hold all there are and none get anywhere.
	// All lanes write it, but only when there is a shortage.
	starving atomic.Int64
}

// fewest is how many descriptors it takes to serve one client: the standard files, a loop's, the runtime's, the listening socket's and
// the session's own.
const fewest = 24

// reserved is how many of limit descriptors are not for sessions.
func reserved(limit int) int { return min(64, limit/8+8) }

// pipes is how many kernel pipes all loops together may use.
func pipes(limit int) int { return min(256, limit/32) }

// sessionsFor is how many sessions the rest is enough for.
func sessionsFor(limit int) int { return (limit - reserved(limit) - 2*pipes(limit)) / 2 }

// descriptorLimit is how many descriptors the process may have.
func descriptorLimit() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 1024
	}
	return int(min(uint64(r.Cur), 1<<20))
}

// checkDescriptors reports whether there are too few to serve anybody.
func checkDescriptors(limit int) error {
	if limit < fewest {
		return fmt.Errorf("the limit of open files (ulimit -n) is %d, and it takes at least %d to serve one client", limit, fewest)
	}
	return nil
}
