package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/signal"
	"slices"
	"syscall"

	"tcpproxy/actors"
	"tcpproxy/actors/survival"
	"tcpproxy/cmd/internal/admin"
	"tcpproxy/cmd/internal/console"
	"tcpproxy/cmd/internal/demo"
	"tcpproxy/cmd/internal/feed"
	"tcpproxy/cmd/internal/logging"
	"tcpproxy/cmd/internal/memory"
	"tcpproxy/cmd/internal/metrics"
)

// run is the program: it returns when the proxy has ended. nil means that it ended because it was told to. worker is nil unless a keeper
// has started this process.
func run(args []string, worker *survival.Worker, stdout, stderr io.Writer) error {
	if worker == nil && isTop(args) {
		return runTop(args[1:])
	}
	plan, err := parse(args, stdout)
	switch {
	case err != nil:
		return err
	case plan.SurviveCheck != 0:
		return checkLayout(int(plan.SurviveCheck))
	case worker == nil:
		// A worker does without: its keeper has looked.
		flags, arguments := plan.choosePorts()
		if err := refuseItself(plan.proxy, lookUp); err != nil {
			return err
		}
		if plan.Survive {
			return keep(plan, slices.Concat(flags, args, arguments), stderr)
		}
	}
	// A log or a terminal that goes away must not take live sessions with it.
	signal.Ignore(syscall.SIGPIPE)
	// Before anything starts, so that no signal finds a proxy that it would kill halfway.
	signals := heedSignals()
	defer signals.stop()
	if worker != nil {
		signals.heedUpgrades()
		if err := prepare(worker, plan); err != nil {
			return err
		}
	}

	defer profile()()
	log, flush, lost := logging.New(stderr, plan.LogLevel, plan.LogFormat)
	defer flush()
	return serve(plan, attendant{signals, worker, log, flush, lost}, stdout)
}

// serve starts what the plan asks for, in the order in which one part needs the other, and stops it in the reverse order.
func serve(plan plan, at attendant, stdout io.Writer) error {
	config, log, worker := plan.proxy, at.log, at.worker
	config.Log, config.Survival = log, worker

	if plan.Demo {
		stop, err := demoDestination(&config, worker)
		if err != nil {
			return err
		}
		defer stop()
	}

	keeper := memory.Keep()
	defer keeper.Stop()
	first := worker == nil || worker.First()
	// None of those who listen to the events waits for anything: the log has a queue of lines, and the API one of events.
	listeners := []func(event any){
		feed.NewDirect(log, logging.Subscriber(log)).Observe,
		feed.NewDirect(log, keeper.Observe).Observe,
	}
	guests := demo.NewTraffic() // with --survive they are in the keeper, and these never come
	defer guests.Stop()
	if plan.Show {
		listeners = append(listeners, feed.NewDirect(log, leaveWhenDraining(guests)).Observe)
	}
	api, figures, err := openAPI(plan, at)
	if err != nil {
		return err
	}
	if api != nil {
		defer api.Close()
		listeners = append(listeners, feed.NewDirect(log, api.Observe).Observe, feed.NewDirect(log, figures.Observe).Observe)
		if plan.Show && first {
			announceConsole(stdout, api.Addr().String())
		}
	}

	proxy, err := actors.Start(config, feed.All(listeners...))
	if err != nil {
		return explain(err)
	}
	if api != nil {
		figures.Serve(proxy)
		api.Serve(proxy)
		log.Info("admin API", "addr", api.Addr(), "faults", plan.Faults)
	}
	if plan.Show && worker == nil {
		guests.Start(proxy.Addr().String())
		browse(api.Addr().String(), true)
	}
	if first {
		if plan.Demo {
			announce(stdout, proxy.Addr())
		}
		defer warnUnresolved(config.Host, config.ConnectTimeout, lookUp, log)()
	}
	return at.attend(proxy)
}

// openAPI opens the port of the admin API, with the console and the metrics; nil if there shall be none. What they tell is not served
// before there is a proxy.
func openAPI(plan plan, at attendant) (*admin.Server, *metrics.Metrics, error) {
	if plan.Admin == "" {
		return nil, nil, nil
	}
	var api *admin.Server
	figures := newMetrics(at, func() uint64 { return api.EventsDropped() })
	api, err := admin.Listen(admin.Config{
		Addr: plan.Admin, TokenFile: plan.AdminTokenFile, Faults: plan.Faults, Log: at.log, Process: processOf(at.worker),
		Metrics: figures.Handler(),
		Console: console.Handler(),
	})
	switch {
	case err == nil:
		return api, figures, nil
	case at.worker == nil || at.worker.First():
		return nil, nil, fmt.Errorf("--admin: %w", err)
	default: // there are connections to go on with
		at.log.Error("no admin API any more", "err", err)
		return nil, nil, nil
	}
}

// explain adds what the user can do about it to an error that names the listening address and the cause.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: choose another listen-port, or end the program that has this one", err)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: choose a listen-port from 1024, or run as root or with CAP_NET_BIND_SERVICE", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: --listen-host takes an address of this machine", err)
	}
	return err
}

// announce prints the two commands of the demo. A standard output that cannot be written to does no harm.
func announce(stdout io.Writer, addr netip.AddrPort) {
	_, _ = fmt.Fprintf(stdout, `The demo is ready. Try these two commands, each in a terminal of its own:

  curl -s http://%[1]s/~rtm/BIG | sleep 60    # an endless download that nobody reads: ended after the hang timeout
  curl http://%[1]s/~rtm/ok                   # meanwhile, this one is served at once

Ctrl-C ends the demo; a second Ctrl-C does not wait for live sessions.
`, addr)
}
