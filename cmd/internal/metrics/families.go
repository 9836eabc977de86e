package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// prefix is what the names of all metrics begin with.
const prefix = "tcpproxy_"

// The names of the histograms.
const (
	connectSeconds = "connect_seconds"
	sessionSeconds = "session_seconds"
	restartSeconds = "restart_seconds"
)

// family is one metric: a name, and values that differ in their labels. Nothing is labelled by session, address or number of an actor:
// how many series there are must not grow with the traffic.
type family struct {
	name    string
	kind    prometheus.ValueType // but for histograms
	labels  []string
	help    string
	read    func(s *scrape, emit emit)
	buckets []float64 // of a histogram
}

// emit takes one value of a family, and the values of its labels in their order.
type emit func(value float64, labels ...string)

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// families are all metrics, in the order in which the README lists them. Where a listener is a label, there is one for each loop.
var families = []family{
	{"sessions", gauge, []string{"listener"}, "live sessions, those included that are being connected", readSessions, nil},
	{"max_sessions", gauge, nil, "the limit in force, over all listeners", readMaxSessions, nil},
	{"sessions_accepted_total", counter, nil, "clients accepted", readAccepted, nil},
	{"sessions_opened_total", counter, nil, "sessions whose destination has accepted", readOpened, nil},
	{"sessions_closed_total", counter, []string{"cause"}, "sessions ended; the causes are those of the log", readClosed, nil},
	{"bytes_total", counter, []string{"direction"},
		"bytes that the receiver's socket has taken, live sessions included: client_to_server or server_to_client", readBytes, nil},
	{connectSeconds, 0, nil, "from accepting the client until the destination has accepted", nil, []float64{
		.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10,
	}},
	{sessionSeconds, 0, nil, "the age of sessions at their end", nil, []float64{
		.001, .01, .1, .5, 1, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600,
	}},
	{"actor_failures_total", counter, []string{"kind", "strategy", "directive", "killed"},
		"failures, by what the supervisor decided; killed is true if somebody made the actor fail, false for a defect", readFailures, nil},
	{"actor_restarts_total", counter, []string{"kind"}, "new incarnations and successors", readRestarts, nil},
	{restartSeconds, 0, nil, "from an actor's failure until it ran again; not of those that went down with another", nil, []float64{
		.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .05, .1, .5, 1, 5,
	}},
	{"actor_kills_total", counter, []string{"kind", "mode"}, "faults that chaos or the admin API has ordered: panic or stop", readKills, nil},
	{"actor_stops_total", counter, []string{"kind"}, "actors that a supervisor has stopped for good in answer to a failure", readStops, nil},
	{"supervision_info", gauge, []string{"strategy"}, "1, for the strategy in force for the children of sessions", readSupervision, nil},
	{"accept_pauses_total", counter, []string{"listener"}, "times that clients were left in the backlog", readPauses, nil},
	{"accept_paused", gauge, []string{"listener"}, "1 while clients are left in the backlog", readPaused, nil},
	{"draining", gauge, nil, "1 once no clients are accepted any more, and live sessions run out", readDraining, nil},
	{"loop_lag_seconds", gauge, []string{"listener"},
		"how long a task waited for its turn in the loop, tried while scraping; absent if that took more than 250 ms", readLag, nil},
	{"loop_lag_timeouts_total", counter, nil, "scrapes that had no answer from all loops within 250 ms", readLagTimeouts, nil},
	{"events_dropped_total", counter, nil, "events that were lost to readers who were too slow", readEventsDropped, nil},
	{"log_lines_dropped_total", counter, nil, "log lines lost because nobody took them in time", readLinesDropped, nil},
	{"process_generation", gauge, nil, "processes that there have been, this one included; see --survive", readGeneration, nil},
	{"process_restarts_total", counter, nil, "processes that went on with the connections of the one before", readProcessRestarts, nil},
	{"process_restart_gap_seconds", gauge, nil, "how long nobody moved bytes when that happened last; 0 if never", readGap, nil},
	{"build_info", gauge, []string{"version", "revision", "go_version"}, "1, for the build", readBuild, nil},
}

// histogram is of both kinds: classic buckets for those who want to see them in a text, native ones for exact quantiles.
func (f family) histogram() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: prefix + f.name, Help: f.help, Buckets: f.buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	})
}
