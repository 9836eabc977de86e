package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os/signal"
	"syscall"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/admin"
	"tcpproxy/cmd/internal/demo"
	"tcpproxy/cmd/internal/logging"
	"tcpproxy/cmd/internal/memory"
)

// run is the program: it returns when the proxy has ended. nil means that it ended because it was told to.
func run(args []string, stdout, stderr io.Writer) error {
	plan, err := parse(args, stdout)
	if err != nil {
		return err
	}
	if err := refuseItself(plan.proxy, lookUp); err != nil {
		return err
	}
	// A log or a terminal that goes away must not take live sessions with it.
	signal.Ignore(syscall.SIGPIPE)
	// Before anything starts, so that no signal finds a proxy that it would kill halfway.
	signals := heedSignals()
	defer signals.stop()

	defer profile()()
	log, flush := logging.New(stderr, plan.LogLevel, plan.LogFormat)
	defer flush()
	return serve(plan, signals, stdout, log)
}

// serve starts what the plan asks for, in the order in which one part needs the other, and stops it in the reverse order.
func serve(plan plan, signals signals, stdout io.Writer, log *slog.Logger) error {
	config := plan.proxy
	config.Log = log

	if plan.Demo {
		server, err := demo.Start()
		if err != nil {
			return err
		}
		defer server.Close()
		config.Host, config.Port = server.Addr().Addr().String(), server.Addr().Port()
	}

	keeper := memory.Keep()
	defer keeper.Stop()
	toLog := logging.Subscriber(log)
	onEvent := func(event any) { toLog(event); keeper.Observe(event) }
	var api *admin.Server
	if plan.Admin != "" {
		var err error
		if api, err = admin.Listen(admin.Config{Addr: plan.Admin, TokenFile: plan.AdminTokenFile, Faults: plan.Faults, Log: log}); err != nil {
			return fmt.Errorf("--admin: %w", err)
		}
		defer api.Close()
		observed := onEvent
		onEvent = func(event any) { observed(event); api.Observe(event) }
	}

	proxy, err := actors.Start(config, onEvent)
	if err != nil {
		return explain(err)
	}
	if api != nil {
		api.Serve(proxy)
		log.Info("admin API", "addr", api.Addr(), "faults", plan.Faults)
	}
	if plan.Demo {
		announce(stdout, proxy.Addr())
	}
	defer warnUnresolved(config.Host, config.ConnectTimeout, lookUp, log)()
	return attend(proxy, signals, log)
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
