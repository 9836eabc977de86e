package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNoProcesses is the error of all that has to do with processes on systems where tcpproxy has but one.
var ErrNoProcesses = errors.New("tcpproxy --survive runs on Linux only")

// Family are the processes of a running tcpproxy --survive: a keeper, which is the one that was started, a worker, and a holder. It finds
// them in /proc at each call; its methods may be called from any goroutine.
type Family struct {
	keeper int
	mark   string

	mu     sync.Mutex
	groups map[int]bool // process groups that a worker or a holder of this family was seen in

	turn sync.Mutex // one kill at a time: see KillWorker
}

// Processes finds the processes of the tcpproxy --survive that was started with this PID. Those that the keeper has left behind when it was
// killed are found, too, if the Family has found any of them before, or if the keeper was started with a mark: see Mark.
func Processes(keeper int, mark ...string) *Family {
	f := &Family{keeper: keeper, groups: map[int]bool{}}
	if len(mark) > 0 {
		f.mark = mark[0]
	}
	f.PIDs()
	return f
}

// markName begins the entry that Mark makes.
const markName = "TCPPROXY_TEST_FAMILY="

var marks atomic.Int64

// Mark is an entry for the environment of a program that is about to be started, unlike any other. All that the program starts inherits it:
// given to Processes, it tells them for certain, whoever their parent has become.
func Mark() string { return fmt.Sprintf("%s%d-%d", markName, os.Getpid(), marks.Add(1)) }

// Keeper is the PID that Processes was told; it may be dead.
func (f *Family) Keeper() int { return f.keeper }

// The names that the processes have in ps and in /proc/PID/comm.
const (
	workerName = "tcpproxy-worker"
	holderName = "tcpproxy-holder"
)

// Worker is the PID of the worker, the process with the connections; 0 while there is none.
func (f *Family) Worker() int {
	worker, _ := f.both()
	return worker
}

// Holder is the PID of the process that goes on if the worker dies; 0 while there is none.
func (f *Family) Holder() int {
	_, holder := f.both()
	return holder
}

// Replacement is what became of a process that was killed.
type Replacement struct {
	// Killed is its PID, Successor that of the process in its place.
	Killed, Successor int
	// Gap is how long there was nobody, from the kill until the successor was seen.
	Gap time.Duration
}

// String tells it in one line.
func (r Replacement) String() string {
	return fmt.Sprintf("process %d was killed: %d took its place after %v", r.Killed, r.Successor, r.Gap)
}

// KillWorker kills the worker with SIGKILL, and waits until there is another one. That is about to serve: wait for a byte, or for the admin
// API's answer, to be sure that it does.
//
// It waits beforehand until there are a worker and a holder, since who kills both within the same few milliseconds loses the connections.
// So it may be called again and again; but a worker that dies more than --max-restarts times --within is given up. If the context ends
// first, the error says what was waited for, and wraps the context's.
func (f *Family) KillWorker(ctx context.Context) (Replacement, error) { return f.kill(ctx, workerName) }

// KillHolder kills the holder with SIGKILL, and waits until there is another one. It waits beforehand as KillWorker does.
func (f *Family) KillHolder(ctx context.Context) (Replacement, error) { return f.kill(ctx, holderName) }
