package survival

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The environment of a worker.
const (
	// EnvDescriptors has the numbers of the descriptors that a worker inherits: the memory, the orders' end, the news' end.
	EnvDescriptors = "TCPPROXY_SURVIVE"
	// EnvProgram has the path that an upgrade is read from.
	EnvProgram = "TCPPROXY_SURVIVE_PROGRAM"
	// EnvDemo has the address of the demo's destination, which lives in the keeper.
	EnvDemo = "TCPPROXY_SURVIVE_DEMO"
)

// The names that ps shows.
const (
	holderName = "tcpproxy-holder"
	workerName = "tcpproxy-worker"
	// WorkerArg0 is a worker's argv[0].
	WorkerArg0 = "tcpproxy: worker"
)

// trialTime is how long an upgrade must serve until the image before it is let go.
const trialTime = 3 * time.Second

// Worker is this process in its role of a worker: what it has to do with the keeper and the holder. Its methods may be called from any
// goroutine; those that end the process return only if they cannot.
type Worker struct {
	h      *Header // a mapping of its own, since Memory's moves
	memory *Memory
	first  bool
	fds    [3]int // the memory, the orders, the news
	orders *os.File
	news   *os.File
	reason func() string

	more       chan struct{} // holds a value if there may be orders that Orders has not been asked for
	keeperGone chan struct{} // closed when the keeper is dead
	gap        time.Duration // see Clock
	served     atomic.Int64  // when Established was called (CLOCK_MONOTONIC); 0 = not yet

	mu     sync.Mutex // one holder is made at a time, and none after the end has begun
	ending bool
	stand  standby
}

// Inherit makes this process a worker, if a keeper or a holder has started it; nil if not. It must come first in main: until it returns
// nobody would go on after this process but the spare. With an error the process must End.
func Inherit() (*Worker, error) {
	numbers := os.Getenv(EnvDescriptors)
	if numbers == "" {
		return nil, nil
	}
	var fds [3]int
	for i, text := range strings.SplitN(numbers, ",", len(fds)) {
		fd, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%s: got %q, which is for the program's own use", EnvDescriptors, numbers)
		}
		fds[i] = fd
	}
	h, err := openHeader(fds[0])
	if err != nil {
		return nil, err
	}
	w := &Worker{
		h: h, first: h.Image.Load() < 0, fds: fds,
		more: make(chan struct{}, 1), keeperGone: make(chan struct{}),
	}
	w.reason = sync.OnceValue(func() string { return h.LastReason(w.keeperGone) })
	h.Generation.Add(1)
	if err := w.standUp(); err != nil {
		return w, err
	}
	if w.memory, err = Open(fds[0]); err != nil {
		return w, err
	}
	w.orders, w.news = os.NewFile(uintptr(fds[1]), "orders"), os.NewFile(uintptr(fds[2]), "news")
	w.tidyImages()
	go w.readOrders()
	return w, nil
}

// Memory is the state to go on with.
func (w *Worker) Memory() *Memory { return w.memory }

// First reports whether there was no worker before this one.
func (w *Worker) First() bool { return w.first }

// Generation is how many workers there have been, this one included.
func (w *Worker) Generation() uint64 { return w.h.Generation.Load() }

// SetLimit says how many workers may die in a row before they have been Established.
func (w *Worker) SetLimit(launches int) { w.h.Limit.Store(uint64(max(1, launches))) }

// GivenUp reports whether more workers died within a time than may, and how many.
func (w *Worker) GivenUp(most int, within time.Duration) (deaths int, yes bool) {
	return w.h.GivenUp(most, within)
}

// Clock is how long the proxy has been at work, over all workers: the time in which there was none does not count, so it is nobody's
// silence. All times in the records are of this clock. Package actors calls it once, when it begins.
func (w *Worker) Clock() time.Duration {
	w.gap = w.h.Gap()
	return time.Duration(Monotonic()-w.h.Began.Load()-w.h.Gaps.Load()) - w.gap
}

// Established says that the proxy serves. Package actors calls it.
func (w *Worker) Established() {
	w.served.Store(Monotonic())
	w.h.Gaps.Add(int64(w.gap))
	w.h.Missed.Store(0)
	w.h.Launches.Store(0)
	w.h.Ready.Store(w.h.Generation.Load())
	w.tell()
	if w.h.Trial.Load() == 1 {
		time.AfterFunc(trialTime, w.passTrial)
	}
}

// tell lets the keeper know that there is something new.
func (w *Worker) tell() { _, _ = w.news.Write([]byte{'!'}) }

// readOrders passes on that the keeper has ordered something; what, stands in the header.
func (w *Worker) readOrders() {
	buffer := make([]byte, 64)
	for {
		n, err := w.orders.Read(buffer)
		if n > 0 {
			w.wake()
		}
		if err != nil {
			close(w.keeperGone)
			return
		}
	}
}

func (w *Worker) wake() {
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// More has a value when the keeper may have ordered something.
func (w *Worker) More() <-chan struct{} { return w.more }

// KeeperGone is closed when the keeper is dead.
func (w *Worker) KeeperGone() <-chan struct{} { return w.keeperGone }

// Wishes are where the owner's orders to end are counted.
func (w *Worker) Wishes() (orders, quit *atomic.Uint64) { return &w.h.Orders, &w.h.Quit }

// Status is what there is to know of the processes.
type Status struct {
	Generation             uint64
	Reason                 string        // why the worker before ended; "" for the first
	Keeper, Worker, Holder int           // PIDs; 0 = gone
	After                  time.Duration // from the end of the last one that served until this one did; 0 for the first
	Since                  time.Duration // from then to now
}

// Status tells it.
func (w *Worker) Status() Status {
	s := Status{
		Generation: w.h.Generation.Load(), Keeper: int(w.h.Keeper.Load()), Worker: os.Getpid(), Holder: int(w.h.Holder.Load()),
	}
	if served := w.served.Load(); served != 0 {
		s.Since = time.Duration(Monotonic() - served)
		if died := w.h.Died.Load(); died != 0 {
			s.After = time.Duration(served - died)
		}
	}
	if s.Generation > 1 {
		s.Reason = w.reason()
	}
	select {
	case <-w.keeperGone:
		s.Keeper = 0
	default:
	}
	return s
}

// End is the orderly end: nobody goes on after it. The caller exits then, with that code. It does not go for an image on trial that cannot
// serve: the holder goes back to the one before. Called on nil it does nothing.
func (w *Worker) End(code int) {
	if w == nil || code != 0 && w.h.Trial.Load() == 1 && w.served.Load() == 0 {
		return
	}
	if code != 0 {
		w.resetAll() // there may be connections that nobody has taken over
	}
	w.h.Final.Store(uint64(code) + 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ending = true
	endProcess(int(w.h.Holder.Load()))
	w.h.Holder.Store(0)
}

// UpgradeOrdered reports whether the keeper has ordered an upgrade that is not yet begun, and takes note that it now is.
func (w *Worker) UpgradeOrdered() bool {
	ordered := w.h.Upgrade.Load()
	return w.h.Upgraded.Swap(ordered) != ordered
}

// Upgrade has the program at the path that the keeper was started from go on in this one's place. flush is called last.
func (w *Worker) Upgrade(flush func()) error {
	defer w.tell() // the keeper waits for news either way
	path := os.Getenv(EnvProgram)
	if w.h.Trial.Load() == 1 {
		return errors.New("the last upgrade is still on trial")
	}
	image, err := openImage(path)
	if err != nil {
		return err
	}
	// In this order, since a kill may fall between any two: until the last one the image may be tried, but nobody is told of an upgrade.
	w.h.Previous.Store(w.h.Image.Load())
	w.h.Image.Store(int64(image))
	w.h.Trial.Store(1)
	flush()
	return w.Die(ReasonUpgrade)
}

// Die kills this process at once, for a reason that does not count against the restarts. Connections go on in the next one.
func (w *Worker) Die(why Reason) error {
	w.h.Reason.Store(uint64(why))
	return killSelf()
}

// passTrial lets go of the image before an upgrade.
func (w *Worker) passTrial() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ending && w.h.Trial.CompareAndSwap(1, 0) {
		w.dropPrevious()
	}
}

// tidyImages lets go of an image that failed, or was to be let go when the worker before died.
func (w *Worker) tidyImages() {
	if w.h.Trial.Load() != 1 {
		w.h.Trial.Store(0)
		w.dropPrevious()
	}
}

func (w *Worker) dropPrevious() {
	if fd := w.h.Previous.Swap(-1); fd >= 0 && fd != w.h.Image.Load() {
		closeDescriptor(int(fd))
	}
}

// AskKeeper passes a signal on to the keeper; false if it is gone.
func (w *Worker) AskKeeper(signal os.Signal) bool {
	select {
	case <-w.keeperGone:
		return false
	default:
		return sendSignal(int(w.h.Keeper.Load()), signal)
	}
}
