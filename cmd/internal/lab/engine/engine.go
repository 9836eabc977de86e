// Package engine carries out experiments: it makes connections through a proxy, makes actors fail in their midst, and measures what the
// peers see of it.
//
//	engine.go              which runs there are, and in which order
//	trial.go, faults.go    one run
//	subject.go, process.go what is examined
//	traffic.go, stream.go  what goes on in the victim's connection; others.go: beside it; origin.go: at the destination
//	meter.go, ledger.go    what is measured of time, and of bytes
//	observe.go             what the subject says of itself
package engine

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"time"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/lab"
)

// Options say how experiments are carried out.
type Options struct {
	Seed   uint64
	Repeat int // runs of each cell; 0 = as each experiment says
	Quick  bool
	// Strategies are those that experiments may name beside the built-in ones.
	Strategies []actors.Strategy
	// Program is the path of a tcpproxy, for experiments that kill the process; "" if there is none.
	Program string
	// Progress, if it is not nil, is called after each run.
	Progress func(Progress)
}

// Progress is how far it has come.
type Progress struct {
	Done, All  int
	Experiment string
	Cell       lab.Cell // without its runs
	Run        lab.Run  // that is done
}

// engine is Options at work.
type engine struct {
	Options
	start func(*trial) (subject, error) // for tests that examine the instrument; nil = trial.start
}

// step is a run to be made.
type step struct {
	cell int
	rep  int
	seed uint64
}

// Run carries out experiments, one run after the other, and returns what was measured. When the context ends it returns what has been
// done by then. Which faults are made in which order follows from the seed.
func Run(ctx context.Context, experiments []lab.Experiment, o Options) lab.Results {
	return (&engine{Options: o}).run(ctx, experiments)
}

func (e *engine) run(ctx context.Context, experiments []lab.Experiment) lab.Results {
	o := e.Options
	results := lab.Results{
		Version: lab.ResultsVersion, Seed: o.Seed, Began: time.Now().UTC().Truncate(time.Second), Experiments: []lab.Outcome{},
		Machine: fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()),
	}
	begun := time.Now()
	progress := Progress{}
	for _, x := range experiments {
		progress.All += len(Cells(x)) * e.repeat(x)
	}
	for _, x := range experiments {
		if ctx.Err() != nil {
			break
		}
		cells := Cells(x)
		for _, s := range e.steps(x, cells) {
			c := &cells[s.cell]
			run, err := e.conduct(ctx, x, *c, s.seed, len(c.Runs) == 0)
			if ctx.Err() != nil {
				break // whatever it is, it was not carried out
			}
			if err != nil {
				run = lab.Run{Seed: s.seed, Error: err.Error(), WrongAt: -1}
			}
			c.Runs = append(c.Runs, run)
			progress.Done++
			progress.Experiment, progress.Cell, progress.Run = x.Name, *c, run
			progress.Cell.Runs = nil
			if o.Progress != nil {
				o.Progress(progress)
			}
		}
		results.Experiments = append(results.Experiments, lab.Outcome{
			Experiment: x, Cells: cells, Verdicts: lab.Judge(x, cells, o.Seed),
		})
	}
	results.Interrupted = ctx.Err() != nil
	results.Took = lab.Duration(time.Since(begun).Round(time.Millisecond))
	return results
}

// Cells are the cells of an experiment, without runs: each strategy with each victim, fault and kind of traffic.
func Cells(x lab.Experiment) (all []lab.Cell) {
	faults := x.Faults
	if len(faults) == 0 {
		faults = []lab.Fault{{Kind: "panic"}}
	}
	for _, strategy := range orElse(x.Strategies, actors.SupervisionStrategies()[0].Name) {
		for _, victim := range x.Victims {
			for _, f := range faults {
				for _, traffic := range orElse(x.Traffic, "ping-pong") {
					all = append(all, lab.Cell{Strategy: strategy, Victim: victim, Fault: f, Traffic: traffic, Runs: []lab.Run{}})
				}
			}
		}
	}
	return all
}

func orElse(words []string, word string) []string {
	if len(words) == 0 {
		return []string{word}
	}
	return words
}

// repeat is how often each cell of an experiment is run.
func (e *engine) repeat(x lab.Experiment) int {
	if e.Quick {
		return cmp.Or(e.Repeat, x.Quick, 3)
	}
	return cmp.Or(e.Repeat, x.Repeat, 20)
}

// steps are the runs of an experiment in order: each cell once, then each cell once more, and so on, every time in another order. So
// whatever else the machine does for a while does not meet one cell alone.
func (e *engine) steps(x lab.Experiment, cells []lab.Cell) (all []step) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(x.Name))
	random := rand.New(rand.NewPCG(e.Seed, h.Sum64()))
	for rep := range e.repeat(x) {
		for _, i := range random.Perm(len(cells)) {
			all = append(all, step{i, rep, random.Uint64()})
		}
	}
	return all
}
