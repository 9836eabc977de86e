package conformance

import (
	"slices"
	"time"
)

// Case is one thing that a forwarder must do.
type Case struct {
	Phase   int    // 1 to 7
	Name    string // unique over all phases
	Title   string // one line for the report
	Sends   string // what the peers do
	Expects string // what has to come of it
	Why     string // what goes wrong in practice when it does not
	Source  string // where the expectation comes from, if it is not common sense

	// Limit is the case's deadline. Timeouts is how many timeouts of the forwarder (Options.Rule) are waited for in addition, and PerKill
	// the time for each of the kills (Options.Kills).
	Limit    time.Duration
	Timeouts float64
	PerKill  time.Duration

	// Load says what the case costs the machine, for the Runner to decide what may run beside it.
	Load Load
	// Needs names what the forwarder must have for the case to apply to it.
	Needs Need

	run func(t *Trial) error
}

// Load is what a case costs while it runs.
type Load int

const (
	// Working cases use the processor for a moment; Options.Jobs of them run at once.
	Working Load = iota
	// Waiting cases mostly wait for a timeout. They all run at once, beside the others.
	Waiting
	// Heavy cases keep the machine busy; one runs at a time.
	Heavy
)

// Need is a set of properties that not every forwarder has.
type Need uint

const (
	// NeedRule: the forwarder ends a connection of which a side hangs for Options.Rule.
	NeedRule Need = 1 << iota
	// NeedDrain: a signal makes the forwarder stop listening and finish what it has begun.
	NeedDrain
	// NeedArguments: the forwarder takes destination-host, destination-port and listen-port as its arguments.
	NeedArguments
	// NeedIPv6: the machine has an IPv6 loopback address.
	NeedIPv6
	// NeedHuge: the user is willing to wait for gigabytes.
	NeedHuge
	// NeedSurvival: the forwarder claims that connections outlive the process that serves them (Options.Worker).
	NeedSurvival
)

// limit is the whole time that the case may take.
func (c Case) limit(o *Options) time.Duration {
	return c.Limit + time.Duration(c.Timeouts*float64(o.ruleOrDefault())) + time.Duration(o.Kills)*c.PerKill
}

// Phases are the headings of the report; the index is the phase's number.
var Phases = []string{
	1: "(client write, server echo) checking the integrity of returned data",
	2: "(client close, server close) checking the ends of both streams",
	3: "(client or server refuses to read) checking back-pressure and the timeout",
	4: "(reset, refused, unreachable) checking abnormal ends",
	5: "(thousands of connections) checking descriptors and memory",
	6: "(start, stop, limits, addresses) checking the forwarder's life",
	7: "(kill -9 of the worker process) checking that connections survive it",
}

// Cases returns every case, by phase.
func Cases() []Case {
	return slices.Concat(
		integrity(), ends(),
		backPressure(), hanging(), silence(),
		resets(), many(),
		lifecycle(), shortage(), addresses(), urgentData(),
		survival(),
	)
}
