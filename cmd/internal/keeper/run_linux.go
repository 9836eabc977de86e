package keeper

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tcpproxy/actors/survival"
)

// self is this very program, whatever lies at its path by now.
const self = "/proc/self/exe"

// keeper is one goroutine that waits for signals, those of its children among them.
type keeper struct {
	Config
	program string // the path to read upgrades from

	memory *survival.Memory
	orders int // the end that the keeper writes to
	news   *os.File
	heard  chan struct{}
	ready  bool // a worker has served

	asked check
}

// Run keeps a worker until it ends, and returns its exit code. The error says why there is none any more. No other goroutine of the
// program may start or await processes meanwhile.
func Run(c Config) (code int, err error) {
	if err := survival.Supported(); err != nil {
		return 1, fmt.Errorf("--survive: %w: leave it out", err)
	}
	k := &keeper{Config: c, program: programPath(), heard: make(chan struct{}, 1), orders: -1}
	s := heed()
	defer s.stop()
	if err := k.start(nil); err != nil {
		return 1, fmt.Errorf("--survive: %w: leave it out", err)
	}
	defer k.forget()
	defer k.dropCheck()
	defer notify(stopping)
	return k.keep(s)
}

// signals are the ones that a keeper is told.
type signals struct{ end, hangup, upgrade, child chan os.Signal }

func heed() signals {
	s := signals{
		// Some, so that none is lost of those that come while the one before is being passed on.
		end: make(chan os.Signal, 16), hangup: make(chan os.Signal, 1), upgrade: make(chan os.Signal, 1), child: make(chan os.Signal, 1),
	}
	signal.Notify(s.end, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	signal.Notify(s.hangup, syscall.SIGHUP)
	signal.Notify(s.upgrade, syscall.SIGUSR2)
	signal.Notify(s.child, syscall.SIGCHLD)
	return s
}

func (s signals) stop() {
	for _, c := range []chan os.Signal{s.end, s.hangup, s.upgrade, s.child} {
		signal.Stop(c)
	}
}

func (k *keeper) keep(s signals) (code int, err error) {
	for {
		select {
		case <-s.child:
			k.reap()
			if k.anyLeft() {
				continue
			}
			if final := k.memory.Final.Load(); final != 0 {
				return int(final - 1), nil
			}
			if err := k.startOver(); err != nil {
				return 1, err
			}
		case sig := <-s.end:
			k.pass(sig)
		case <-s.hangup:
			k.Log.Info("SIGHUP ignored: there is no configuration file to reload")
		case <-s.upgrade:
			k.beginCheck()
		case <-k.overdue():
			k.abandonCheck()
		case <-k.heard:
			notify(ready)
			if !k.ready && k.Ready != nil {
				k.Ready()
			}
			k.ready = true
		}
	}
}

// pass orders the worker to end. The order is in the memory before the worker is woken, so a worker that has yet to be finds it, too.
func (k *keeper) pass(sig os.Signal) {
	notify(stopping)
	if sig == syscall.SIGQUIT {
		k.memory.Quit.Store(1)
	} else {
		k.memory.Orders.Add(1)
	}
	k.wake()
}

func (k *keeper) wake() { _, _ = unix.Write(k.orders, []byte{'!'}) }

// start makes a fresh memory, and a worker. last is the memory before, if any.
func (k *keeper) start(last *survival.Memory) (err error) {
	m, err := survival.Create()
	if err != nil {
		return err
	}
	unix.CloseOnExec(m.FD())
	if last != nil {
		m.Continue(last.Header)
	}
	m.Keeper.Store(int64(os.Getpid()))
	var orders, news [2]int
	if err := unix.Pipe2(orders[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		m.Unmap()
		return err
	}
	if err := unix.Pipe2(news[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		m.Unmap()
		closeAll(orders[:]...)
		return err
	}
	env := append(os.Environ(), k.Env...)
	env = append(env, survival.EnvDescriptors+"=3,4,5", survival.EnvProgram+"="+k.program)
	pid, err := syscall.ForkExec(self, append([]string{survival.WorkerArg0}, k.Args...), &syscall.ProcAttr{
		Env:   env,
		Files: []uintptr{0, 1, 2, uintptr(m.FD()), uintptr(orders[0]), uintptr(news[1])},
		// Ctrl-C in a terminal is for the keeper, which passes it on once.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	closeAll(orders[0], news[1])
	if err != nil {
		m.Unmap()
		closeAll(orders[1], news[0])
		return fmt.Errorf("cannot start the worker: %w", err)
	}
	m.Worker.CompareAndSwap(0, int64(pid)) // a holder may have become the worker by now
	k.forget()
	k.memory, k.orders, k.news = m, orders[1], os.NewFile(uintptr(news[0]), "news")
	go listen(k.news, k.heard)
	return nil
}

// listen tells of news, until the worker and its holder are gone, or the keeper does not want to know.
func listen(news *os.File, heard chan<- struct{}) {
	for buffer := make([]byte, 64); ; {
		if _, err := news.Read(buffer); err != nil {
			return
		}
		select {
		case heard <- struct{}{}:
		default:
		}
	}
}

// forget lets go of a memory and its pipes.
func (k *keeper) forget() {
	if k.memory != nil {
		k.memory.Unmap()
		closeAll(k.orders)
		_ = k.news.Close()
		k.memory = nil
	}
}

// startOver makes a new worker when there is nobody left to become one: worker and holder died together, or none lives long enough.
func (k *keeper) startOver() error {
	m := k.memory
	if m.Launches.Load() > max(1, m.Limit.Load()) {
		return fmt.Errorf("the worker died %d times in a row before it served: given up", m.Launches.Load())
	}
	m.NoteDeath()
	if deaths, yes := m.GivenUp(k.MaxRestarts, k.Within); yes {
		return fmt.Errorf("the worker died %d times within %v: given up", deaths, k.Within)
	}
	if m.Quit.Load() != 0 || m.Orders.Load() != 0 {
		return errors.New("worker and holder died together, as they were about to end: their connections are lost")
	}
	k.Log.Error("worker and holder died together: their connections are lost, starting over")
	return k.start(m)
}

// reap takes note of children that are gone. As the first process of a container the keeper gets those of others, too.
func (k *keeper) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || pid == 0:
			return
		case pid == k.asked.pid:
			k.endCheck(syscall.WaitStatus(status))
		default:
			k.memory.NoteStatus(pid, syscall.WaitStatus(status))
		}
	}
}

// anyLeft reports whether a worker, a holder or a spare is alive. Each is named in the header before it runs, and names who goes on after
// it before it goes: so if all that are named at one time are gone, and still nobody else is named then, there is nobody.
func (k *keeper) anyLeft() bool {
	for named := k.named(); ; {
		for _, pid := range named {
			if isChild(pid) {
				return true
			}
		}
		again := k.named()
		if again == named {
			return false
		}
		named = again
	}
}

func (k *keeper) named() (pids [3]int64) {
	for {
		pids = [3]int64{k.memory.Worker.Load(), k.memory.Holder.Load(), k.memory.Spare.Load()}
		if pids[0] == k.memory.Worker.Load() {
			return pids
		}
	}
}

// isChild reports whether a process is a child that has not been reaped: if it is gone, that is still to be told.
func isChild(pid int64) bool {
	return pid > 0 && unix.Waitid(unix.P_PID, int(pid), nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == nil
}

func closeAll(fds ...int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// never is a channel that nothing comes from.
var never <-chan time.Time
