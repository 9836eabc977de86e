package metrics

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tcpproxy/actors"
)

// collector is all metrics but the histograms, in the library's eyes.
type collector struct {
	metrics  *Metrics
	about    []*prometheus.Desc // of each family; nil for a histogram
	timeouts atomic.Uint64
}

func newCollector(m *Metrics) *collector {
	c := &collector{metrics: m, about: make([]*prometheus.Desc, len(families))}
	for i, f := range families {
		if f.read != nil {
			c.about[i] = prometheus.NewDesc(prefix+f.name, f.help, f.labels, nil)
		}
	}
	return c
}

// Describe tells the library which metrics there are.
func (c *collector) Describe(all chan<- *prometheus.Desc) {
	for _, about := range c.about {
		if about != nil {
			all <- about
		}
	}
}

// Collect reads everything once.
func (c *collector) Collect(all chan<- prometheus.Metric) {
	s := c.look()
	for i, f := range families {
		if f.read == nil {
			continue
		}
		f.read(s, func(value float64, labels ...string) {
			metric, err := prometheus.NewConstMetric(c.about[i], f.kind, value, labels...)
			if err != nil { // a label that is not UTF-8, of a strategy of somebody's own
				metric = prometheus.NewInvalidMetric(c.about[i], err)
			}
			all <- metric
		})
	}
}

// scrape is what is read for one answer. proxy and stats are those of nobody while there is no proxy.
type scrape struct {
	config   *Config
	seen     *seen
	proxy    Proxy
	stats    actors.Stats
	lags     []time.Duration
	timeouts uint64
}

func (c *collector) look() *scrape {
	s := &scrape{config: &c.metrics.config, seen: &c.metrics.seen}
	if proxy := c.metrics.proxy.Load(); proxy != nil {
		s.proxy = *proxy
		ctx, cancel := context.WithTimeout(context.Background(), lagPatience)
		defer cancel()
		var err error
		if s.lags, err = s.proxy.Lag(ctx); errors.Is(err, context.DeadlineExceeded) {
			c.timeouts.Add(1)
		}
		s.stats = s.proxy.Stats()
	}
	s.timeouts = c.timeouts.Load()
	return s
}
