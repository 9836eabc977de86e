package actors

import (
	"math"
	"strings"
	"testing"
	"time"
)

// TestConfigIsChecked: every field that makes no sense is refused, by its name, before anything is opened.
func TestConfigIsChecked(t *testing.T) {
	good := DefaultConfig()
	good.Host, good.Port, good.ListenHost = "127.0.0.1", 1, "127.0.0.1"
	for _, row := range []struct {
		field string
		spoil func(*Config)
	}{
		{"Host", func(c *Config) { c.Host = "" }},
		{"Port", func(c *Config) { c.Port = 0 }},
		{"IdleTimeout", func(c *Config) { c.IdleTimeout = -1 }},
		{"HangTimeout", func(c *Config) { c.HangTimeout = -time.Second }},
		{"ConnectTimeout", func(c *Config) { c.ConnectTimeout = math.MinInt64 }},
		{"DrainTimeout", func(c *Config) { c.DrainTimeout = -1 }},
		{"Within", func(c *Config) { c.Within = -1 }},
		{"MaxSessions", func(c *Config) { c.MaxSessions = -1 }},
		{"MaxRestarts", func(c *Config) { c.MaxRestarts = -5 }},
		{"Loops", func(c *Config) { c.Loops = -1 }},
		{"Chaos", func(c *Config) { c.Chaos = -1 }},
		{"Chaos", func(c *Config) { c.Chaos = math.NaN() }},
		{"Chaos", func(c *Config) { c.Chaos = math.Inf(1) }},
		{"ChaosTarget", func(c *Config) { c.ChaosTarget = "[" }},
		{"supervision strategy", func(c *Config) { c.Supervision = "hope" }},
		{"session supervision", func(c *Config) { c.SessionSupervision = "hope" }},
		{"Strategies", func(c *Config) { c.Strategies = []Strategy{{Name: "mine"}} }},
		{"Strategies", func(c *Config) { c.Strategies = []Strategy{{Answer: stop}} }},
	} {
		cfg := good
		row.spoil(&cfg)
		p, err := Start(cfg, nil)
		if err == nil {
			t.Errorf("%s: accepted", row.field)
			p.Stop()
			<-p.Done()
			continue
		}
		if !strings.Contains(err.Error(), row.field) {
			t.Errorf("%s: the error does not name it: %v", row.field, err)
		}
	}
	p, err := Start(good, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	<-p.Done()
}

// TestZeroConfigIsUseful: what is left out gets the meaning that the documentation gives it.
func TestZeroConfigIsUseful(t *testing.T) {
	c, err := Config{Host: "127.0.0.1", Port: 1}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	d := DefaultConfig()
	if c.ConnectTimeout != d.ConnectTimeout || c.Supervision != d.Supervision || c.SessionSupervision != d.SessionSupervision ||
		c.MaxRestarts != d.MaxRestarts || c.Within != d.Within || c.ChaosTarget != d.ChaosTarget || c.Loops < 1 || c.MaxSessions < 1 {
		t.Errorf("%+v", c)
	}
	if c.IdleTimeout != 0 || c.HangTimeout != 0 || c.DrainTimeout != 0 || c.Chaos != 0 {
		t.Errorf("0 is never, or at once: %+v", c)
	}
}

// TestDescriptorsAreSharedOut: few are shared out in proportion, and never more than there are.
func TestDescriptorsAreSharedOut(t *testing.T) {
	for _, row := range []struct{ limit, least, most int }{
		{24, 1, 7}, {64, 20, 24}, {256, 96, 104}, {1024, 400, 450}, {20000, 9000, 9990},
	} {
		if n := sessionsFor(row.limit); n < row.least || n > row.most {
			t.Errorf("%d descriptors are for %d sessions, want %d to %d", row.limit, n, row.least, row.most)
		}
	}
	for limit := fewest; limit < 4096; limit++ {
		if n := sessionsFor(limit); n < 1 || 2*n+2*pipes(limit)+reserved(limit) > limit {
			t.Fatalf("%d descriptors: %d sessions, %d pipes, %d reserved", limit, n, pipes(limit), reserved(limit))
		}
		if sessionsFor(limit+1) < sessionsFor(limit)-1 {
			t.Errorf("%d descriptors are for %d sessions, one more for %d", limit, sessionsFor(limit), sessionsFor(limit+1))
		}
	}
}
