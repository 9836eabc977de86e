// Package metrics serves the key figures of a running proxy to Prometheus. What happens is counted from the proxy's events; what is, is
// read when somebody asks, from figures that the proxy keeps for itself anyhow. So nothing is added to the way of the bytes, and no
// question is asked for which the actors would have to stop and describe themselves.
//
// families.go is the table of all metrics: it is what the README shows. dashboard.json draws them in Grafana.
package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tcpproxy/actors"
)

// lagPatience is how long a scrape waits for the loops to take their turns. Whoever scrapes has some seconds.
const lagPatience = 250 * time.Millisecond

// Proxy is what the metrics need of an actors.Proxy; see there. Each of these is cheap, and none asks an actor.
type Proxy interface {
	Stats() actors.Stats
	Lag(ctx context.Context) ([]time.Duration, error)
	Supervision() string
}

// Config says where figures come from that are not the proxy's.
type Config struct {
	// Generation is how many processes there have been, this one included; see --survive. 0 = 1.
	Generation uint64
	// EventsDropped is how many events did not reach those whom they were for. nil = the metric is absent.
	EventsDropped func() uint64
	// LogLinesDropped is how many lines of the log were dropped. nil = the metric is absent.
	LogLinesDropped func() uint64
	// Log gets what goes wrong here. nil discards it.
	Log *slog.Logger
}

// Metrics are those of one proxy. All methods may be called from any goroutine.
type Metrics struct {
	config     Config
	proxy      atomic.Pointer[Proxy]
	seen       seen
	registry   *prometheus.Registry
	histograms map[string]prometheus.Histogram
	// The histograms, once more by name: Observe need not look for them.
	connect, session, restart prometheus.Histogram
}

// New makes metrics that have seen nothing yet. They have no goroutine, and need no end.
func New(config Config) *Metrics {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	m := &Metrics{config: config, registry: prometheus.NewRegistry(), histograms: map[string]prometheus.Histogram{}}
	m.seen.begin(max(1, config.Generation))
	for _, f := range families {
		if f.buckets != nil {
			m.histograms[f.name] = f.histogram()
			m.registry.MustRegister(m.histograms[f.name])
		}
	}
	m.connect, m.session, m.restart = m.histograms[connectSeconds], m.histograms[sessionSeconds], m.histograms[restartSeconds]
	m.registry.MustRegister(newCollector(m), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Serve has the proxy's own figures shown from now on. Before that, only what Observe was given is.
func (m *Metrics) Serve(proxy Proxy) {
	m.seen.expectChildren(proxy.Supervision())
	m.proxy.Store(&proxy)
}

// Handler answers whoever scrapes. All who ask at the same time are given the same answer, so that a crowd costs what one does. What
// cannot be had is left out, and the rest is answered.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:       slog.NewLogLogger(m.config.Log.Handler(), slog.LevelWarn),
		ErrorHandling:  promhttp.ContinueOnError,
		CoalesceGather: true,
	})
}
