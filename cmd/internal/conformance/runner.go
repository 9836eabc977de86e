package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options say what to run, and how.
type Options struct {
	Command Command

	Phases []int          // empty means all
	Run    *regexp.Regexp // only cases whose name matches; nil means all
	Skip   *regexp.Regexp // no cases whose name matches; nil means none

	// Rule is the timeout after which the forwarder ends a connection of which a side hangs; 0 if it has no such rule.
	Rule time.Duration
	// DrainSignal makes the forwarder finish what it has begun and end; 0 if there is no such signal.
	DrainSignal syscall.Signal

	// Worker is the name of the process, as /proc/PID/comm has it, whose death the forwarder claims to survive with all connections;
	// "" if it does not claim that of any.
	Worker string

	Jobs  int    // how many cases work at the same time; cases that only wait do not count
	Many  int    // how many connections the cases of phase 5 make, and the one of phase 7 that is about many
	Kills int    // how often each case of phase 7 kills the worker
	Huge  bool   // run the case that sends more than 4 GiB
	Seed  uint64 // all bytes and random choices follow from it
}

// ShortestRule is the shortest timeout that the cases can tell from what should happen at once.
const ShortestRule = promptly + time.Second

// defaultRule is how long a case waits that is about waiting, if the forwarder has no timeout to measure it by.
const defaultRule = 10 * time.Second

func (o *Options) ruleOrDefault() time.Duration {
	if o.Rule == 0 {
		return defaultRule
	}
	return o.Rule
}

// Verdict is what became of a case.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped"
	// NotClaimed is a case about something that the forwarder does not promise: nobody can hold it against it.
	NotClaimed Verdict = "not claimed"
)

// Result is the outcome of one case.
type Result struct {
	Case
	Verdict  Verdict
	Expected string        // if it failed
	Came     string        // if it failed; if it was skipped or not claimed, why
	Notes    []string      // readings that are neither right nor wrong
	Took     time.Duration // 0 if it was not run
}

// Select returns the cases that the options ask for, by phase.
func (o *Options) Select() []Case {
	var chosen []Case
	for _, c := range Cases() {
		if (len(o.Phases) == 0 || slices.Contains(o.Phases, c.Phase)) &&
			(o.Run == nil || o.Run.MatchString(c.Name)) && (o.Skip == nil || !o.Skip.MatchString(c.Name)) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// lacks says what a case needs that the forwarder, or the machine, does not have; nothing if it has it all.
func (o *Options) lacks(c Case) string {
	switch {
	case c.Needs&NeedRule != 0 && o.Rule == 0:
		return "the forwarder has no timeout rule (--timeout-rule)"
	case c.Needs&NeedDrain != 0 && o.DrainSignal == 0:
		return "the forwarder has no signal to drain (--drain-signal)"
	case c.Needs&NeedArguments != 0 && o.Command.template:
		return "the command is a template, so its usage is not known"
	case c.Needs&NeedIPv6 != 0 && !haveIPv6():
		return "this machine has no IPv6"
	case c.Needs&NeedHuge != 0 && !o.Huge:
		return "takes long; asked for by --huge"
	}
	return ""
}

// claims reports whether a case is about something that the forwarder promises.
func (o *Options) claims(c Case) bool { return c.Needs&NeedSurvival == 0 || o.Worker != "" }

// notClaimed is why a case is not held against the forwarder.
const notClaimed = "the forwarder does not claim to survive its processes (--survive in its command, or --worker)"

// Observer is told of the progress. Its methods are called one at a time.
type Observer interface {
	// Begun and Ended are called at the time.
	Begun(Case)
	Ended(Case)
	// Result is called once for every case, in the order of the cases.
	Result(Result)
}

// Run runs the cases and returns their results, in order. When the context ends, it ends early, with the cases that have not
// ended by then skipped.
func Run(ctx context.Context, opts Options, observer Observer) []Result {
	cases := opts.Select()
	r := &run{opts: &opts, observer: observer, results: make([]*Result, len(cases)), ports: &ports{}}
	defer r.ports.release()
	if err := r.preflight(ctx, cases); err != nil {
		return r.abandon(cases, err)
	}
	limits := map[Load]chan struct{}{
		Working: make(chan struct{}, max(opts.Jobs, 1)),
		Heavy:   make(chan struct{}, 1),
		Waiting: make(chan struct{}, len(cases)+1),
	}
	var wg sync.WaitGroup
	start := func(load Load) {
		for i, c := range cases {
			if c.Load != load {
				continue
			}
			wg.Go(func() {
				limits[load] <- struct{}{}
				defer func() { <-limits[load] }()
				r.one(ctx, i, c)
			})
		}
	}
	// Those that wait are begun first, because they decide how long it all takes.
	start(Waiting)
	start(Working)
	start(Heavy)
	wg.Wait()
	return r.all()
}

// run is the state of Run.
type run struct {
	opts     *Options
	observer Observer
	ports    *ports

	mu       sync.Mutex
	results  []*Result // nil while there is none
	reported int       // how many were handed to the observer
}

// preflight starts the forwarder once. If that fails, all cases would, each after a wait, and say the same thing.
func (r *run) preflight(ctx context.Context, cases []Case) error {
	if len(cases) == 0 {
		return nil
	}
	t, cancel := r.trial(ctx, started)
	defer cancel()
	defer t.release()
	d, err := t.listen(0)
	if err != nil {
		return err
	}
	_, err = t.forwardTo(d)
	return err
}

// abandon fails the start and skips all cases.
func (r *run) abandon(cases []Case, err error) []Result {
	t := &Trial{opts: r.opts, ctx: context.Background(), c: started}
	r.results = make([]*Result, len(cases)+1)
	result := Result{Case: started, Verdict: Failed}
	result.Expected, result.Came = t.verdict(err)
	r.report(0, result)
	for i, c := range cases {
		r.report(1+i, Result{Case: c, Verdict: Skipped, Came: "the forwarder does not start"})
	}
	return r.all()
}

// started is the case that stands for all others when the forwarder does not even start.
var started = Case{
	Phase: 1, Name: "start", Title: "the forwarder starts",
	Sends:   "the command, with a destination that is there",
	Expects: fmt.Sprintf("somebody listens on the port within %v", startLimit),
	Why:     "nothing else can be tested",
	Limit:   3 * startLimit,
}

func (r *run) all() []Result {
	all := make([]Result, len(r.results))
	for i, result := range r.results {
		all[i] = *result
	}
	return all
}

// one runs one case and reports it.
func (r *run) one(ctx context.Context, i int, c Case) {
	if !r.opts.claims(c) {
		r.report(i, Result{Case: c, Verdict: NotClaimed, Came: notClaimed})
		return
	}
	if why := r.opts.lacks(c); why != "" {
		r.report(i, Result{Case: c, Verdict: Skipped, Came: why})
		return
	}
	if ctx.Err() != nil {
		r.report(i, Result{Case: c, Verdict: Skipped, Came: "interrupted"})
		return
	}
	r.observe(func() { r.observer.Begun(c) })
	result := r.try(ctx, c)
	r.observe(func() { r.observer.Ended(c) })
	r.report(i, result)
}

// trial makes a trial whose sockets are closed when its time is up.
func (r *run) trial(ctx context.Context, c Case) (*Trial, context.CancelFunc) {
	limit := c.limit(r.opts)
	ctx, cancel := context.WithTimeout(ctx, limit)
	t := &Trial{
		c: c, opts: r.opts, ctx: ctx, deadline: time.Now().Add(limit), portPool: r.ports, over: make(chan struct{}),
		rng: rand.New(rand.NewPCG(r.opts.Seed, uint64(newStream(r.opts.Seed, c.Name, -1)))),
	}
	stop := context.AfterFunc(ctx, t.hangUp)
	return t, func() {
		stop()
		cancel()
	}
}

// try runs one case to its end.
func (r *run) try(ctx context.Context, c Case) Result {
	t, cancel := r.trial(ctx, c)
	defer cancel()
	begin := time.Now()
	err := c.run(t)
	result := Result{Case: c, Verdict: Passed, Took: time.Since(begin)}
	var not *inapplicable
	switch {
	case err == nil:
	case errors.As(err, &not):
		result.Verdict, result.Came = Skipped, not.why
	case ctx.Err() != nil:
		result.Verdict, result.Came = Skipped, "interrupted"
	default:
		result.Verdict = Failed
		result.Expected, result.Came = t.verdict(err)
	}
	t.release()
	result.Notes = t.notes
	return result
}

// report stores a result and hands on all that are next in order.
func (r *run) report(i int, result Result) {
	r.observe(func() {
		r.results[i] = &result
		for r.reported < len(r.results) && r.results[r.reported] != nil {
			r.observer.Result(*r.results[r.reported])
			r.reported++
		}
	})
}

func (r *run) observe(tell func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tell()
}

// Alone is the command line that runs one case by itself, as it was run here.
func (o *Options) Alone(c Case) string {
	words := []string{"test-proxy", "--run", quote("^" + c.Name + "$"), "--seed", fmt.Sprint(o.Seed)}
	if o.Rule == 0 {
		words = append(words, "--timeout-rule", "none")
	} else if o.Rule != defaultRule {
		words = append(words, "--timeout-rule", o.Rule.String())
	}
	if c.Phase == 5 || c.Phase == 7 {
		words = append(words, "--many", fmt.Sprint(o.Many))
	}
	if c.Phase == 7 {
		words = append(words, "--kills", fmt.Sprint(o.Kills), "--worker", quote(o.Worker))
	}
	if c.Needs&NeedDrain != 0 && o.DrainSignal != syscall.SIGTERM {
		words = append(words, "--drain-signal", drainName(o.DrainSignal))
	}
	if c.Needs&NeedHuge != 0 {
		words = append(words, "--huge")
	}
	return strings.Join(append(words, quote(o.Command.Text)), " ")
}

// quote makes a word safe for a shell.
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// DrainSignals are the values of --drain-signal.
var DrainSignals = map[string]syscall.Signal{
	"none": 0, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "HUP": syscall.SIGHUP,
	"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
}

func drainName(s syscall.Signal) string {
	for name, signal := range DrainSignals {
		if signal == s {
			return name
		}
	}
	return "none"
}

// Terminal reports whether a file is a terminal.
func Terminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && info.Name() != "null"
}
