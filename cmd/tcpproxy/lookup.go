package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// lookup finds the addresses of a host.
type lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// lookUp asks the system, unless the host is an address.
func lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// warnUnresolved warns if the destination's name has no address, which is a typing error more often than not. The proxy runs on, since
// the name may get one: so this waits for nothing and nobody waits for it. stop ends it.
func warnUnresolved(host string, within time.Duration, find lookup, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := find(ctx, host); err != nil && !errors.Is(err, context.Canceled) {
			log.Warn("destination not resolved: clients are turned away until it is", "destination", host, "err", err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
