package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"tcpproxy/actors"
	"tcpproxy/actors/survival"
	"tcpproxy/cmd/internal/admin"
	"tcpproxy/cmd/internal/demo"
	"tcpproxy/cmd/internal/keeper"
	"tcpproxy/cmd/internal/logging"
)

// keep is the program with --survive, as it is started: the proxy runs in a worker. The demo's destination runs here, and so do its
// clients, so that the workers come and go, and they stay.
func keep(plan plan, args []string, stderr io.Writer) error {
	signal.Ignore(syscall.SIGPIPE)
	log, flush, _ := logging.New(stderr, plan.LogLevel, plan.LogFormat)
	defer flush()
	config := keeper.Config{Args: args, MaxRestarts: plan.proxy.MaxRestarts, Within: plan.proxy.Within, Log: log}
	if plan.Demo {
		server, err := demo.Start()
		if err != nil {
			return err
		}
		defer server.Close()
		config.Env = append(config.Env, survival.EnvDemo+"="+server.Addr().String())
	}
	if plan.Show {
		guests := demo.NewTraffic()
		defer guests.Stop()
		end := make(chan os.Signal, 1)
		defer close(end)
		defer signal.Stop(end)
		config.Ready = func() {
			signal.Notify(end, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT) // not before the keeper heeds them, too
			guests.Start(plan.trafficAddr())
			browse(plan.Admin, false)
		}
		go leaveAt(end, guests)
	}
	code, err := keeper.Run(config)
	if err != nil || code == exitOK {
		return err
	}
	return ended(code)
}

// leaveAt has the demo's clients leave when the program is told to end, or the worker would wait for them.
func leaveAt(end <-chan os.Signal, guests *demo.Traffic) {
	<-end
	guests.Leave()
}

// prepare is what a worker does before anything of the proxy starts.
func prepare(worker *survival.Worker, plan plan) error {
	// A worker is in the background of a terminal; some terminals would stop it there for writing to its log.
	signal.Ignore(syscall.SIGTTOU)
	worker.SetLimit(plan.proxy.MaxRestarts)
	if deaths, yes := worker.GivenUp(plan.proxy.MaxRestarts, plan.proxy.Within); yes {
		return fmt.Errorf("the worker died %d times within %v: given up", deaths, plan.proxy.Within)
	}
	return nil
}

// demoDestination has the proxy forward to the demo's destination, and makes it, unless it lives in the keeper.
func demoDestination(config *actors.Config, worker *survival.Worker) (stop func(), err error) {
	var addr netip.AddrPort
	if worker != nil {
		addr, err = netip.ParseAddrPort(os.Getenv(survival.EnvDemo))
		stop = func() {}
	} else {
		var server *demo.Server
		if server, err = demo.Start(); err == nil {
			addr, stop = server.Addr(), server.Close
		}
	}
	config.Host, config.Port = addr.Addr().String(), addr.Port()
	return stop, err
}

// checkLayout answers a keeper that asks this program whether it can take over from another one. That it could read the other one's
// command line is the other half of the answer.
func checkLayout(layout int) error {
	if layout != survival.Layout {
		return fmt.Errorf("it knows layout %d of the state of connections, and was asked for %d", survival.Layout, layout)
	}
	return nil
}

// processOf is what the admin API tells of the processes.
func processOf(worker *survival.Worker) func() admin.Process {
	if worker == nil {
		return nil
	}
	return func() admin.Process {
		s := worker.Status()
		return admin.Process{
			Survive: true, Generation: s.Generation, Reason: s.Reason, Keeper: s.Keeper, Worker: s.Worker, Holder: s.Holder,
			Since: s.Since.Seconds(),
		}
	}
}
