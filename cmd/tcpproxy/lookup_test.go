package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// A name without an address is warned about, one that has an address or whose look-up was cut short is not.
func TestWarnUnresolved(t *testing.T) {
	for host, want := range map[string]bool{"unknown": true, "slow": true, "self": false, "127.0.0.1": false} {
		var out bytes.Buffer
		answered := make(chan struct{})
		find := func(ctx context.Context, host string) ([]netip.Addr, error) {
			defer close(answered)
			return names(ctx, host)
		}
		stop := warnUnresolved(host, 10*time.Millisecond, find, slog.New(slog.NewTextHandler(&out, nil)))
		<-answered
		stop()
		if warned := strings.Contains(out.String(), "level=WARN") && strings.Contains(out.String(), "destination="+host); warned != want {
			t.Errorf("%s: the log has %q", host, out.String())
		}
	}
}

// Nobody waits for a look-up that takes long: not the start, and not the end.
func TestSlowLookupHoldsNobodyUp(t *testing.T) {
	var out bytes.Buffer
	warnUnresolved("slow", time.Hour, names, slog.New(slog.NewTextHandler(&out, nil)))()
	if out.Len() > 0 {
		t.Errorf("a look-up that the end cut short was warned about: %s", out.String())
	}
}
