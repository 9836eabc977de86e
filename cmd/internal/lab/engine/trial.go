package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/lab"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

const (
	// measured is how long one looks before the first fault, and after the last one has been answered.
	measured = 100 * time.Millisecond
	// warm is how long the traffic runs before that.
	warm = 20 * time.Millisecond
	// hearing is how long one waits for a single fault to be made, or to be answered.
	hearing = 2 * time.Second
	// settling is how long the answers to all faults may take.
	settling = 10 * time.Second
	// opening is how long a connection may take to open, and ending how long a peer waits for the end.
	opening = 5 * time.Second
	ending  = 3 * time.Second
	// drawn and ahead are how much of a run its timeline shows at most, and how much of that lies before the fault.
	drawn = 1000 * time.Millisecond
	ahead = 50 * time.Millisecond
)

// trial is one run in the making.
type trial struct {
	engine     *engine
	experiment lab.Experiment
	cell       lab.Cell
	random     *rand.Rand

	clock   clock
	origin  *origin
	subject subject
	watch   *fault.Watch
	plan    *fault.Plan
	journal journal
	client  *net.TCPConn // while the connection is being opened
	pair    *pair
	others  others
	storm   storm

	struck atomic.Int64 // when the first fault was made; 0 = not yet
	faults int
}

// strike is the subject's seam.
func (t *trial) strike(at actors.Point, who string) {
	// The plan panics: what is noted must be noted before, and taken back if it did not.
	defer func() {
		if r := recover(); r != nil {
			t.struck.CompareAndSwap(0, int64(t.clock.now()))
			panic(r)
		}
	}()
	t.plan.Strike(at, who)
}

// observe is told of the subject's events.
func (t *trial) observe(event any) {
	t.journal.add(event)
	t.watch.Observe(event)
}

// conduct carries out one run. timeline says that it shall be drawn.
func (e *engine) conduct(ctx context.Context, x lab.Experiment, c lab.Cell, seed uint64, timeline bool) (lab.Run, error) {
	run := lab.Run{Seed: seed, WrongAt: -1}
	t := &trial{
		engine: e, experiment: x, cell: c, random: rand.New(rand.NewPCG(seed, 1)), clock: newClock(),
		watch: fault.NewWatch(), plan: &fault.Plan{},
	}
	t.journal.clock = t.clock
	var err error
	if t.origin, err = newOrigin(); err != nil {
		return run, err
	}
	defer t.origin.close()
	start := e.start
	if start == nil {
		start = (*trial).start
	}
	if t.subject, err = start(t); err != nil {
		return run, err
	}
	defer t.subject.stop()
	defer func() {
		if t.pair != nil {
			t.pair.close()
		}
	}()
	if err := t.open(ctx, seed); err != nil {
		if t.client != nil && errors.Is(err, errGone) {
			return t.stillborn(run), nil
		}
		return run, err
	}
	end, err := t.play(ctx)
	t.endTraffic()
	if err != nil {
		return run, err
	}
	return t.report(run, end, timeline)
}

// open opens the victim's connection, then the others beside it, and begins the traffic.
func (t *trial) open(ctx context.Context, seed uint64) error {
	if t.early() {
		t.plan.Add(t.rule())
	}
	gone, cancel := t.goneEarly(ctx)
	client, server, err := t.origin.connect(ctx, t.subject.addr(), gone)
	cancel()
	if t.client = client; err != nil {
		if server == nil && client != nil && !errors.Is(err, errGone) {
			_ = client.Close()
		}
		return err
	}
	t.pair = newPair(client, server, seed, t.clock)
	if err := t.others.begin(ctx, t.subject.addr(), t.clock); err != nil {
		t.endTraffic()
		return fmt.Errorf("the sessions beside the victim's: %w", err)
	}
	t.pair.play(t.cell.Traffic)
	if t.cell.Traffic == "many" {
		t.storm.begin(ctx, t.subject.addr(), t.clock)
	}
	return nil
}

// goneEarly is closed when the session is over although nobody has heard of it at the destination.
func (t *trial) goneEarly(ctx context.Context) (<-chan struct{}, func()) {
	ctx, cancel := context.WithCancel(ctx)
	gone, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if _, err := t.watch.Gone(ctx, victimSession); err == nil {
			close(gone)
		}
	}()
	return gone, func() { cancel(); <-done }
}

// stillborn is the run of a connection that a fault ended before it was one.
func (t *trial) stillborn(run lab.Run) lab.Run {
	defer t.client.Close()
	_ = t.client.SetReadDeadline(time.Now().Add(ending))
	var b [1]byte
	_, err := t.client.Read(b[:])
	run.ClientSaw, run.ServerSaw = sight(err, nil), sawNothing
	run.Faults = t.plan.Killed()
	t.read(&run, t.journal.until(t.clock.now()))
	return run
}

// play lets the traffic run undisturbed, makes the faults, and looks on until they have been answered. It returns when that was.
func (t *trial) play(ctx context.Context) (end time.Duration, err error) {
	// The fault comes at any time between two portions, by the seed.
	if err := lapse(ctx, warm+measured+time.Duration(t.random.Int64N(int64(2*time.Millisecond)))); err != nil {
		return 0, err
	}
	if t.cell.Traffic == "stalled" {
		if err := t.fill(ctx); err != nil {
			return 0, err
		}
	}
	if err := t.makeFaults(ctx); err != nil {
		return 0, err
	}
	settled, cancel := context.WithTimeout(ctx, settling)
	t.subject.settle(settled, pidOf(t.cell.Victim), t.faults)
	cancel()
	t.pair.resume()
	if err := lapse(ctx, measured); err != nil {
		return 0, err
	}
	return t.clock.now(), nil
}

// fill has the receiver read no more, and waits until the sender cannot send any more either.
func (t *trial) fill(ctx context.Context) error {
	t.pair.stall()
	sent, full := t.pair.full(-1)
	for deadline := t.clock.now() + opening; !full; {
		if t.clock.now() > deadline {
			return errors.New("the buffers did not fill up")
		}
		if err := lapse(ctx, 30*time.Millisecond); err != nil {
			return err
		}
		sent, full = t.pair.full(sent)
	}
	return nil
}

// endTraffic ends everything that sends, and waits until it has ended.
func (t *trial) endTraffic() {
	if t.storm.cancel != nil {
		t.storm.end()
	}
	t.pair.finish(ending)
	t.others.end()
}

// report is what was measured.
func (t *trial) report(run lab.Run, end time.Duration, timeline bool) (lab.Run, error) {
	if t.cell.Victim != "process" {
		ctx, cancel := context.WithTimeout(context.Background(), ending)
		_, _ = t.watch.Gone(ctx, victimSession)
		cancel()
	}
	if run.Faults = max(t.faults, t.plan.Killed()); run.Faults == 0 && t.cell.Fault.Kind != "none" {
		return run, errors.New("no fault was made: the traffic does not pass that place")
	}
	zero := time.Duration(t.struck.Load())
	if zero > end { // it was made while the traffic ended: that is what there is to see
		end = max(zero, t.pair.main.over())
	}
	events := t.journal.until(t.clock.now())
	hurt := t.read(&run, events)
	run.OthersHurt = max(len(hurt), int(t.others.hurt.Load())) + int(t.storm.failed.Load())
	run.ClientSaw, run.ServerSaw = saw(t.pair.down, t.pair.up), saw(t.pair.up, t.pair.down)
	for _, d := range []*direction{t.pair.up, t.pair.down} {
		a := d.audit(d == t.pair.up && run.ServerSaw == sawFIN || d == t.pair.down && run.ClientSaw == sawFIN)
		run.Lost += a.lost
		run.Repeated += a.repeated
		run.Reordered += a.reordered
		if run.WrongAt < 0 {
			run.WrongAt = a.wrongAt
		}
		run.Bytes += int64(len(d.got))
	}
	run.Lived = run.ClientSaw == sawFIN && run.ServerSaw == sawFIN && (run.Cause == messages.CauseFinished.String() || run.Cause == "")
	m, seen := t.pair.main.meter, min(end, max(zero, t.pair.main.over())) // after the end there is no pause
	if t.cell.Traffic == "many" {
		m, seen = &t.storm.meter, end
	}
	t.pauses(&run, m, zero, seen)
	run.OthersBeforeMs = ms(t.others.trips.p99(zero-measured, zero))
	run.OthersDuringMs = ms(t.others.trips.p99(zero, end))
	if timeline {
		run.BeforeMs = int(ahead / time.Millisecond)
		end = min(end, zero-ahead+drawn)
		run.Timeline = m.timeline(zero-ahead, end)
		run.Events = tell(t.journal.until(end), zero)
	}
	return run, nil
}

// pauses measures what the receiving peer saw: the longest pause in the time before the first fault, and from there until the last one was
// answered and as long again as before. Where many faults are made one looks for longer, and sees more of what the machine does besides.
// A stalled peer made its own pause, so there the one after it has begun to read again counts.
func (t *trial) pauses(run *lab.Run, m *meter, zero, end time.Duration) {
	from := zero
	if t.cell.Traffic == "stalled" {
		from = m.resumed()
		run.UndisturbedMs = ms(m.pause(warm, warm+measured))
	} else if zero > warm {
		run.UndisturbedMs = ms(m.pause(max(warm, zero-measured), zero))
	}
	run.PauseMs = ms(m.pause(from, end))
}
