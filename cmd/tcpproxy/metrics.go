package main

import "tcpproxy/cmd/internal/metrics"

// newMetrics makes the metrics of the proxy that is about to start. With --survive they tell that it goes on after another process from the
// first scrape on, and not only when it is known why that one ended.
func newMetrics(at attendant, eventsDropped func() uint64) *metrics.Metrics {
	config := metrics.Config{Log: at.log, EventsDropped: eventsDropped, LogLinesDropped: at.lost}
	if at.worker != nil {
		config.Generation = at.worker.Generation()
	}
	return metrics.New(config)
}
