package engine

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func cellOf(strategy, victim, kind, traffic string) lab.Cell {
	return lab.Cell{Strategy: strategy, Victim: victim, Fault: lab.Fault{Kind: kind}, Traffic: traffic}
}

// plant has the instrument examine a relay, and returns what both saw.
func plant(t *testing.T, spoil func([]byte) []byte, delay time.Duration) (lab.Run, *relay) {
	t.Helper()
	var r *relay
	e := &engine{start: func(trial *trial) (s subject, err error) {
		r, err = newRelay(trial, spoil, delay)
		return r, err
	}}
	run, err := e.conduct(t.Context(), lab.Experiment{}, cellOf("relay", "client-reader", "panic", "upload"), 5, true)
	if err != nil {
		t.Fatal(err)
	}
	return run, r
}

func unspoilt(b []byte) []byte { return b }

// TestPlantedBytes: what is done to the bytes of a live connection is found, at its place, and sized right.
func TestPlantedBytes(t *testing.T) {
	for _, row := range []struct {
		name                      string
		spoil                     func([]byte) []byte
		lost, repeated, reordered int64
		at                        int64 // behind where the relay began; -1 = nowhere
	}{
		{"nothing", unspoilt, 0, 0, 0, -1},
		{"a loss of one byte", func(b []byte) []byte { return slices.Delete(b, 100, 101) }, 1, 0, 0, 100},
		{"a repeat", func(b []byte) []byte { return slices.Insert(b, 700, slices.Clone(b[200:700])...) }, 0, 500, 0, 700},
		{"a swap", func(b []byte) []byte { b[50], b[51] = b[51], b[50]; return b }, 0, 0, 2, 50},
	} {
		t.Run(row.name, func(t *testing.T) {
			run, r := plant(t, row.spoil, 0)
			at := row.at
			if at >= 0 {
				at += r.at
			}
			if run.Lost != row.lost || run.Repeated != row.repeated || run.Reordered != row.reordered || run.WrongAt != at {
				t.Errorf("got %+v, want byte %d", run, at)
			}
			if !run.Lived || run.ClientSaw != sawFIN || run.ServerSaw != sawFIN || run.Faults != 1 || run.GaveUp || run.OthersHurt != 0 {
				t.Errorf("got %+v", run)
			}
			if want := []lab.Took{{Who: "client-reader", Ms: 3}}; !slices.Equal(run.RestartsMs, want) {
				t.Errorf("restarts %v, want %v", run.RestartsMs, want)
			}
			sum := int64(0)
			for _, n := range run.Timeline {
				sum += n
			}
			if sum == 0 || sum > run.Bytes || len(run.Events) != 2 {
				t.Errorf("a timeline of %d bytes of %d, events %v", sum, run.Bytes, run.Events)
			}
		})
	}
}

// TestPlantedPause: a pause of 50 ms is found, never shorter than it was, and as long as the relay says, unless the machine adds one.
func TestPlantedPause(t *testing.T) {
	const planted, within = 50.0, 10.0
	best := math.Inf(1)
	for range 5 {
		run, r := plant(t, unspoilt, 50*time.Millisecond)
		if run.PauseMs < planted-1 {
			t.Fatalf("a pause of %v ms, and it was %v", run.PauseMs, r.gap)
		}
		if best = min(best, math.Abs(run.PauseMs-ms(r.gap))); best < within {
			break
		}
	}
	if best >= within {
		t.Errorf("the pause is %v ms off", best)
	}
}

// meddling is the real proxy, but for that whoever kills one of the victim's actors kills one of another session, too.
type meddling struct{ proxy }

func (m meddling) kill(pid, mode string) error {
	if err := m.proxy.kill("listener/session-3/server-reader", mode); err != nil {
		return err
	}
	return m.proxy.kill(pid, mode)
}

// TestPlantedCollateral: an actor of another session that restarts is one that was hurt, and none of the victim's.
func TestPlantedCollateral(t *testing.T) {
	e := &engine{start: func(trial *trial) (subject, error) {
		s, err := trial.start()
		if err != nil {
			return nil, err
		}
		return meddling{s.(proxy)}, nil
	}}
	run, err := e.conduct(t.Context(), lab.Experiment{}, cellOf("one-for-one", "client-reader", "panic", "ping-pong"), 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if run.OthersHurt != 1 || len(run.RestartsMs) != 1 || run.RestartsMs[0].Who != "client-reader" || !run.Lived {
		t.Errorf("got %+v", run)
	}
}

// TestNaive: the comparison loses what its reader holds, and the proxy does not.
func TestNaive(t *testing.T) {
	point := lab.Fault{Kind: "point", Point: actors.PointAfterRead.String(), Nth: 3}
	x := lab.Experiment{
		Name: "naive", Strategies: []string{lab.Naive, "one-for-one"}, Victims: []string{"client-reader"}, Traffic: []string{"upload"},
		Faults: []lab.Fault{point},
		Predict: []lab.Claim{
			{Strategy: lab.Naive, Figure: "lost", Is: ">", Value: 0},
			{Strategy: "one-for-one", Figure: "lost", Value: 0},
			{Figure: "lived", Is: ">=", Value: 1},
			{Figure: "restarts", Value: 2},
		},
	}
	o := Run(t.Context(), []lab.Experiment{x}, Options{Seed: 1, Repeat: 1}).Experiments[0]
	for i, want := range []bool{true, true, true, false} {
		if o.Verdicts[i].Holds != want {
			t.Errorf("prediction %d: %+v; runs %+v", i, o.Verdicts[i], o.Cells)
		}
	}
}

// TestTheSameSeed makes the same faults in the same order, and another makes others.
func TestTheSameSeed(t *testing.T) {
	x := lab.Experiment{Name: "order", Victims: []string{"client-reader", "session"}, Strategies: []string{"one-for-one", "resume", "stop"}}
	order := func(seed uint64) (all []step) {
		e := &engine{Options: Options{Seed: seed, Repeat: 4}}
		return e.steps(x, Cells(x))
	}
	if a, b := order(1), order(1); !slices.Equal(a, b) || len(a) != 24 {
		t.Errorf("the same seed: %v, and %v", a, b)
	}
	if a, b := order(1), order(2); slices.Equal(a, b) {
		t.Errorf("another seed: %v", a)
	}
	// And what steps says is what happens.
	x.Strategies = nil
	var done []step
	e := Options{Seed: 3, Repeat: 2, Progress: func(p Progress) {
		done = append(done, step{slices.Index(x.Victims, p.Cell.Victim), len(done) / 2, p.Run.Seed})
		if p.Run.Error != "" || p.All != 4 {
			t.Errorf("got %+v", p)
		}
	}}
	Run(t.Context(), []lab.Experiment{x}, e)
	if want := (&engine{Options: e}).steps(x, Cells(x)); !slices.Equal(done, want) {
		t.Errorf("%v was done, want %v", done, want)
	}
}

// TestInterrupted: what was done by then is there, and no more.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	x := lab.Experiment{Name: "long", Victims: []string{"client-reader"}}
	r := Run(ctx, []lab.Experiment{x, x}, Options{Repeat: 3, Progress: func(Progress) { cancel() }})
	if !r.Interrupted || len(r.Experiments) != 1 || len(r.Experiments[0].Cells[0].Runs) != 1 {
		t.Errorf("got %+v", r)
	}
}

// TestWhatCannotBe says why it cannot.
func TestWhatCannotBe(t *testing.T) {
	for _, row := range []struct {
		cell lab.Cell
		want string
	}{
		{cellOf(lab.Naive, "session", "panic", "upload"), "naive design"},
		{cellOf("nobody's", "session", "panic", "upload"), "nobody's"},
		{cellOf("one-for-one", "process", "kill", "upload"), "tcpproxy"},
		{cellOf("one-for-one", "chaos", "panic", "upload"), "no such actor"},
		{lab.Cell{Strategy: "one-for-one", Victim: "server-reader", Traffic: "upload",
			Fault: lab.Fault{Kind: "point", Point: "after-read"}}, "does not pass"},
	} {
		x := lab.Experiment{
			Name: "x", Strategies: []string{row.cell.Strategy}, Victims: []string{row.cell.Victim}, Traffic: []string{row.cell.Traffic},
			Faults: []lab.Fault{row.cell.Fault},
		}
		r := Run(t.Context(), []lab.Experiment{x}, Options{Repeat: 1})
		if got := r.Experiments[0].Cells[0].Runs[0].Error; !strings.Contains(got, row.want) {
			t.Errorf("%+v: %q", row.cell, got)
		}
	}
}
