package main

import (
	"log/slog"

	"tcpproxy/actors/survival"
	"tcpproxy/cmd/internal/metrics"
)

// newMetrics makes the metrics of the proxy that is about to start. With --survive they tell that it goes on after another process from the
// first scrape on, and not only when it is known why that one ended.
func newMetrics(worker *survival.Worker, log *slog.Logger) *metrics.Metrics {
	config := metrics.Config{Log: log}
	if worker != nil {
		config.Generation = worker.Generation()
	}
	return metrics.New(config)
}
