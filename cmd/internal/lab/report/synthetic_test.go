package report

import (
	"math/rand/v2"
	"time"

	"tcpproxy/cmd/internal/lab"
)

var four = []string{"client-reader", "server-writer", "server-reader", "client-writer"}

// synthetic are results of every kind: predictions that held and that did not, bytes that were lost, a supervisor that gave up, a
// process that was killed, runs that could not be carried out, and an experiment that was not got to.
func synthetic() lab.Results {
	random := rand.New(rand.NewPCG(1, 13))
	noise := func(mean float64) float64 { return mean * (0.9 + 0.2*random.Float64()) }
	// runs makes n of them, the first with a timeline, each changed as a cell wants it.
	runs := func(n int, change func(i int, r *lab.Run)) []lab.Run {
		var all []lab.Run
		for i := range n {
			r := lab.Run{Seed: uint64(100 + i), Lived: true, WrongAt: -1, ClientSaw: "FIN", ServerSaw: "FIN", Bytes: 8_000_000,
				Cause: "both sides closed", Faults: 1, PauseMs: noise(1.2), UndisturbedMs: noise(1.2), OthersBeforeMs: noise(0.8),
				OthersDuringMs: noise(0.8)}
			if i == 0 {
				r.BeforeMs = 50
				for ms := range 150 {
					n := int64(noise(40_000))
					if ms >= 50 && ms < 62 {
						n = 0
					}
					r.Timeline = append(r.Timeline, n)
				}
				r.Events = []lab.Event{{Ms: 0.1, Name: "actor-failed", Who: "client-reader", What: "a planted panic"},
					{Ms: 0.3, Name: "actor-restarted", Who: "client-reader"}, {Ms: 12.4, Name: "supervision-changed", Who: "session", What: "one-for-one"}}
			}
			change(i, &r)
			all = append(all, r)
		}
		return all
	}
	restart := func(r *lab.Run, who ...string) {
		for i, w := range who {
			t := lab.Took{Who: w}
			if i == 0 {
				t.Ms = noise(0.15)
			}
			r.RestartsMs = append(r.RestartsMs, t)
		}
	}
	cell := func(strategy, victim, kind, traffic string, runs []lab.Run) lab.Cell {
		return lab.Cell{Strategy: strategy, Victim: victim, Fault: lab.Fault{Kind: kind}, Traffic: traffic, Runs: runs}
	}
	panics := []lab.Fault{{Kind: "panic"}}

	strategies := lab.Outcome{
		Experiment: lab.Experiment{Name: "who-pays", Title: "One-for-one, all-for-one, rest-for-one: who pays", Faults: panics,
			Question: "When one of four siblings fails, which others go down with it, and what does the peer see of that?",
			Method: "A client uploads through the proxy. In the middle of it the reader of the client's side panics between two messages. " +
				"Both ends compare every byte with what was sent.",
			Why: "What must not be lost is held by the connection and not by the actors. A restarted actor finds it there, whoever " +
				"restarted it and however many with it.",
			Predict: []lab.Claim{{Figure: "lost", Is: "=", Value: 0, Says: "No strategy that restarts loses a byte."},
				{Strategy: "backoff", Figure: "pause", Is: "<", Value: 5, Says: "Backing off is not seen by the peer."}}},
		Cells: []lab.Cell{
			cell("one-for-one", "client-reader", "panic", "upload", runs(20, func(_ int, r *lab.Run) { restart(r, "client-reader") })),
			cell("all-for-one", "client-reader", "panic", "upload", runs(20, func(_ int, r *lab.Run) { restart(r, four...) })),
			cell("backoff", "client-reader", "panic", "upload", runs(20, func(_ int, r *lab.Run) {
				restart(r, "client-reader")
				r.PauseMs += 11
				r.RestartsMs[0].Ms += 11
			})),
			cell("stop", "client-reader", "panic", "upload", runs(20, func(_ int, r *lab.Run) {
				r.Lived, r.ClientSaw, r.ServerSaw, r.Cause, r.PauseMs = false, "RST", "RST", "an actor failed", 0
			})),
		},
		Verdicts: []lab.Verdict{{Holds: true, Cells: 4, Runs: 80}, {Holds: false, Measured: 12.2, Low: 12.1, High: 12.4, Cells: 1, Runs: 20}},
	}
	naive := lab.Outcome{
		Experiment: lab.Experiment{Name: "naive", Title: "The same with a child that keeps bytes in its own fields",
			Question: "What is lost if an actor keeps bytes itself?",
			Predict:  []lab.Claim{{Strategy: "naive", Figure: "lost", Is: ">", Value: 0, Says: "The naive child loses what it held."}}},
		Verdicts: []lab.Verdict{{Holds: true, Measured: 3000, Low: -10, High: 4100, Cells: 1, Runs: 20}},
	}
	for _, traffic := range []string{"upload", "ping-pong"} {
		naive.Cells = append(naive.Cells, cell("naive", "client-reader", "panic", traffic, runs(20, func(i int, r *lab.Run) {
			restart(r, "client-reader")
			if i%4 != 0 {
				r.Lost, r.WrongAt = int64(noise(4096)), int64(1_000_000+i)
				r.Repeated = int64(i)
			}
		})), cell("one-for-one", "client-reader", "panic", traffic, runs(20, func(_ int, r *lab.Run) { restart(r, "client-reader") })))
	}
	storm := lab.Outcome{
		Experiment: lab.Experiment{Name: "storm", Title: "A poisoned connection: when does the supervisor give up?", MaxRestarts: 10,
			Within: lab.Duration(10 * time.Second), Session: "restart"},
		Cells: []lab.Cell{{Strategy: "one-for-one", Victim: "server-writer", Traffic: "many",
			Fault: lab.Fault{Kind: "point", Point: "BeforeWrite", Nth: 2, Times: 20, Every: lab.Duration(50 * time.Millisecond)},
			Runs: runs(20, func(i int, r *lab.Run) {
				restart(r, "server-writer")
				r.Faults = 20
				if i%5 == 0 {
					r.GaveUp, r.Lived, r.Faults, r.ClientSaw, r.ServerSaw, r.Cause = true, false, 11, "RST", "RST", "too many restarts"
				}
				if i%2 == 0 {
					r.OthersHurt = 2
				}
				r.OthersDuringMs += 3
				if i == 7 {
					*r = lab.Run{Seed: 107, Error: "connect: connection refused"}
				}
			})}},
	}
	killed := lab.Outcome{
		Experiment: lab.Experiment{Name: "process", Title: "The process killed with -9",
			Predict: []lab.Claim{{Figure: "lived", Is: "=", Value: 1, Says: "Every connection survives."}}},
		Cells: []lab.Cell{cell("one-for-one", "process", "kill", "download", runs(20, func(_ int, r *lab.Run) {
			restart(r, append([]string{"process", "listener", "acceptor", "session"}, four...)...)
			r.PauseMs += 40
		}))},
		Verdicts: []lab.Verdict{{Holds: true, Measured: 1, Low: 1, High: 1, Cells: 1, Runs: 20}},
	}
	broken := lab.Outcome{
		Experiment: lab.Experiment{Name: "broken", Title: "Nothing of this could be <carried> out", Question: "Does | the report say so?",
			Predict: []lab.Claim{{Victim: "acceptor", Figure: "pause", Is: "<=", Value: 1.5, Says: "The acceptor is not missed."}}},
		Cells: []lab.Cell{cell("one-for-one", "acceptor", "stop", "stalled", []lab.Run{
			{Seed: 5, Error: "no port was free"}, {Seed: 6, Error: "no port was free"}})},
		Verdicts: []lab.Verdict{{}},
	}
	empty := lab.Outcome{Experiment: lab.Experiment{Name: "later", Title: "Not got to",
		Predict: []lab.Claim{{Figure: "lost", Is: "=", Says: "Nothing is lost."}}}}
	return lab.Results{
		Version: lab.ResultsVersion, Command: "supervision-lab run --seed 7 --repeat 20", Seed: 7,
		Began: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Took: lab.Duration(151 * time.Second), Interrupted: true,
		Machine: "linux/amd64, 2 processors, go1.26", Experiments: []lab.Outcome{strategies, naive, storm, killed, broken, empty},
	}
}
