package conformance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startLimit is how long a forwarder may take until it listens.
const startLimit = 5 * time.Second

// forwarder is the process under test, with whatever it has forked.
type forwarder struct {
	listen int // the port that it listens on

	cmd    *exec.Cmd
	tag    string // marks its processes in their environment
	dir    string // its scratch directory, if the command asks for one
	output tail
	exited chan struct{} // closed when the process that was started has ended
	once   sync.Once
}

var forwarders atomic.Int64

// launch starts the process and does not wait for it to listen. The caller must stop it.
func launch(argv []string, dir string) (*forwarder, error) {
	f := &forwarder{
		cmd:    exec.Command(argv[0], argv[1:]...),
		tag:    fmt.Sprintf("TEST_PROXY_TRIAL=%d-%d", os.Getpid(), forwarders.Add(1)),
		dir:    dir,
		exited: make(chan struct{}),
	}
	f.cmd.Env = append(os.Environ(), f.tag)
	f.cmd.Stdout, f.cmd.Stderr = &f.output, &f.output
	// A group of its own, so that a signal for the forwarder does not reach the tester. The death signal is for the case that the
	// tester itself is killed and cannot clean up.
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	f.cmd.WaitDelay = time.Second // forked children may hold the output open
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = f.cmd.Wait()
		close(f.exited)
	}()
	return f, nil
}

// awaitListening returns when somebody listens on the forwarder's port, or says why nobody does.
func (f *forwarder) awaitListening(ctx context.Context) error {
	expected := fmt.Sprintf("the forwarder to listen on port %d within %v", f.listen, startLimit)
	limit := time.After(startLimit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		if f.listens() {
			return nil
		}
		select {
		case <-f.exited:
			return wrong(expected, "%s", f.fate())
		case <-limit:
			if listening(f.listen) {
				return nil // on behalf of the forwarder, it seems: one that runs in a container has its port held by somebody else
			}
			return wrong(expected, "a process that runs but does not listen%s", f.lastWords())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// listens reports whether one of the forwarder's processes listens on its port. Somebody else might, who was faster.
func (f *forwarder) listens() bool {
	inodes := listeners(f.listen)
	return len(inodes) > 0 && slices.ContainsFunc(f.processes(), func(p process) bool { return p.holds(inodes) })
}

// running reports whether the process that was started is still there.
func (f *forwarder) running() bool {
	select {
	case <-f.exited:
		return false
	default:
		return true
	}
}

// awaitExit waits for the end of the process and returns its exit code, -1 if a signal ended it.
func (f *forwarder) awaitExit(ctx context.Context, limit time.Duration) (int, error) {
	select {
	case <-f.exited:
		return f.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		return 0, fmt.Errorf("a process that still runs after %v", limit)
	case <-ctx.Done():
		return 0, fmt.Errorf("a process that still runs")
	}
}

// fate says how the process ended, and what it said last.
func (f *forwarder) fate() string {
	return fmt.Sprintf("a forwarder that ended (%v)%s", f.cmd.ProcessState, f.lastWords())
}

func (f *forwarder) lastWords() string {
	if text := oneLine(f.output.String()); text != "" {
		return ", saying: " + text
	}
	return ", saying nothing"
}

// signal sends a signal to the process that was started, as a user or a service manager would.
func (f *forwarder) signal(s os.Signal) { _ = f.cmd.Process.Signal(s) }

// signalAll sends a signal to every process of the forwarder.
func (f *forwarder) signalAll(s unix.Signal) {
	for _, p := range f.processes() {
		_ = unix.Kill(p.pid, s)
	}
}

// processes lists the forwarder's living processes, as far as they can be told without looking at every process of the machine.
func (f *forwarder) processes() []process { return family(f.cmd.Process.Pid, f.running(), "") }

// usage is what the forwarder's processes hold together.
type usage struct {
	descriptors int
	cpu         time.Duration
	processes   int
}

// usage reads what the forwarder holds now.
func (f *forwarder) usage() usage {
	var u usage
	for _, p := range f.processes() {
		u.descriptors += len(p.descriptors())
		u.cpu += p.cpu
		u.processes++
	}
	return u
}

// memory reads how much memory the forwarder's processes have resident together. It is not part of usage because the kernel has to
// walk through all of it.
func (f *forwarder) memory() (n int64) {
	for _, p := range f.processes() {
		n += p.memory()
	}
	return n
}

// stop kills all processes of the forwarder and returns when none is left. It may be called at any time and more than once.
func (f *forwarder) stop() {
	f.once.Do(func() {
		for range 300 {
			left := family(f.cmd.Process.Pid, f.running(), f.tag)
			for _, p := range left {
				p.kill()
			}
			if len(left) == 0 && !f.running() {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if f.dir != "" {
			os.RemoveAll(f.dir)
		}
	})
}

// tail keeps the last lines that a process wrote.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 600

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if extra := len(t.text) - 16*tailSize; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(b), nil
}

// String returns the end of what was written, from the beginning of a line if possible.
func (t *tail) String() string {
	text := t.all()
	if len(text) <= tailSize {
		return text
	}
	text = text[len(text)-tailSize:]
	if _, rest, ok := strings.Cut(text, "\n"); ok {
		return rest
	}
	return text
}

func (t *tail) all() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
