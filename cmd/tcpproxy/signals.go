package main

import (
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"tcpproxy/actors/survival"
)

// signals are what the program is told from outside. Hang-ups have a channel of their own, since any number of them must not displace a
// signal that ends the proxy: the system drops what a full channel does not take.
type signals struct {
	end    chan os.Signal // SIGTERM, SIGINT and SIGQUIT
	hangup chan os.Signal
	// upgrade is nil in a program that cannot: the signal ends it then, as ever.
	upgrade chan os.Signal
}

// heedSignals makes the signals come through the channels, and not have the effects that the Go runtime gives them: SIGHUP would end
// all sessions when a terminal closes, and SIGQUIT dump every stack and exit with the code of a wrong command line.
func heedSignals() signals {
	// Two, so that the second signal is not lost while the first one is being obeyed.
	s := signals{end: make(chan os.Signal, 2), hangup: make(chan os.Signal, 1)}
	signal.Notify(s.end, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	signal.Notify(s.hangup, syscall.SIGHUP)
	return s
}

// heedUpgrades has SIGUSR2 come through its channel, too.
func (s *signals) heedUpgrades() {
	s.upgrade = make(chan os.Signal, 1)
	signal.Notify(s.upgrade, syscall.SIGUSR2)
}

func (s signals) stop() {
	signal.Stop(s.end)
	signal.Stop(s.hangup)
	if s.upgrade != nil {
		signal.Stop(s.upgrade)
	}
}

// stoppable is what attend needs of an actors.Proxy.
type stoppable interface {
	Drain()
	Stop()
	Done() <-chan struct{}
}

// attendant is who does what the owner wants, until the proxy has ended.
type attendant struct {
	signals
	worker *survival.Worker // nil if the program does not outlive its process
	log    *slog.Logger
	flush  func()
	lost   func() uint64 // lines of the log
}

// wishes are what the owner has signalled so far. A worker has them in the memory that outlives it, since they hold for the next one, too.
type wishes struct{ orders, quit *atomic.Uint64 }

func (w wishes) add(s os.Signal) {
	if s == syscall.SIGQUIT {
		w.quit.Store(1)
	} else {
		w.orders.Add(1)
	}
}

func (w wishes) none() bool { return w.orders.Load() == 0 && w.quit.Load() == 0 }

// obey does what was signalled. The first signal lets live sessions finish; any further one ends them, and so does SIGQUIT, even as the
// first.
func (w wishes) obey(proxy stoppable) {
	switch {
	case w.none():
	case w.quit.Load() == 0 && w.orders.Load() == 1:
		proxy.Drain()
	default:
		proxy.Stop()
	}
}

// attend waits for the proxy's end.
func (a attendant) attend(proxy stoppable) error {
	w := wishes{new(atomic.Uint64), new(atomic.Uint64)}
	var more, keeperGone <-chan struct{}
	if a.worker != nil {
		w.orders, w.quit = a.worker.Wishes()
		more, keeperGone = a.worker.More(), a.worker.KeeperGone()
		a.follow(w, proxy) // what was ordered while there was no worker
	}
	for {
		select {
		case s := <-a.end:
			w.add(s)
			w.obey(proxy)
		case <-more:
			a.follow(w, proxy)
		case <-keeperGone:
			keeperGone = nil
			a.log.Warn("the keeper is gone: the proxy goes on, but cannot be upgraded any more")
		case <-a.hangup:
			a.log.Info("SIGHUP ignored: there is no configuration file to reload")
		case <-a.upgrade:
			if !a.worker.AskKeeper(syscall.SIGUSR2) {
				a.log.Error("no upgrade: the keeper is gone")
			}
		case <-proxy.Done():
			if w.none() {
				return errors.New("the proxy ended although nobody had sent a signal: see the log")
			}
			return nil
		}
	}
}

// follow does what the keeper has ordered.
func (a attendant) follow(w wishes, proxy stoppable) {
	w.obey(proxy)
	if a.worker.UpgradeOrdered() {
		if err := a.worker.Upgrade(a.flush); err != nil {
			a.log.Error("no upgrade", "err", err)
		}
	}
}
