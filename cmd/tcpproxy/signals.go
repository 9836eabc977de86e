package main

import (
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// signals are what the program is told from outside. Hang-ups have a channel of their own, since any number of them must not displace a
// signal that ends the proxy: the system drops what a full channel does not take.
type signals struct {
	end    chan os.Signal // SIGTERM, SIGINT and SIGQUIT
	hangup chan os.Signal
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

func (s signals) stop() {
	signal.Stop(s.end)
	signal.Stop(s.hangup)
}

// stoppable is what attend needs of an actors.Proxy.
type stoppable interface {
	Drain()
	Stop()
	Done() <-chan struct{}
}

// attend waits for the proxy's end. The first signal lets live sessions finish; any further one ends them, and so does SIGQUIT, even as
// the first.
func attend(proxy stoppable, signals signals, log *slog.Logger) error {
	signalled := 0
	for {
		select {
		case s := <-signals.end:
			if signalled++; signalled == 1 && s != syscall.SIGQUIT {
				proxy.Drain()
			} else {
				proxy.Stop()
			}
		case <-signals.hangup:
			log.Info("SIGHUP ignored: there is no configuration file to reload")
		case <-proxy.Done():
			if signalled == 0 {
				return errors.New("the proxy ended although nobody had sent a signal: see the log")
			}
			return nil
		}
	}
}
