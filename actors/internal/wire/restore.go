package wire

import (
	"errors"
	"syscall"
)

// Restorer makes a loop's flows what they were in the process before. Before the loop runs.
type Restorer struct {
	loop  *Loop
	holds map[int]bool // by number: the chunks that restored flows hold bytes in
	pipes map[int]bool // the descriptors of their pipes
}

// NewRestorer is for a loop that keeps its flows outside; see Loop.KeepOutside.
func NewRestorer(l *Loop) *Restorer {
	return &Restorer{loop: l, holds: map[int]bool{}, pipes: map[int]bool{}}
}

// Past is what is known of a flow from elsewhere than its note.
type Past struct {
	From, To  Truth // its source's and its sink's
	Cut       bool  // its sink failed
	Delivered bool  // it has ended, its sink has been given all of it, and a FIN was about to be sent, or has been
}

// Errors of Restorer.Flow: bytes are missing, or are not what they were. The connection must not go on.
var (
	errNote  = errors.New("the note of a flow is damaged")
	errCount = errors.New("the system's counts and the note of a flow do not match")
	errLost  = errors.New("a flow held bytes in memory that ended with the process")
)

// Flow restores a flow that has never been used since, from its note.
func (r *Restorer) Flow(f *Flow, number int, past Past) error {
	f.Keep(number)
	f.moved.Store(past.To.Given)
	switch {
	case past.Delivered:
		f.state.Or(ended)
		return nil
	case past.Cut:
		f.state.Or(cut)
		return nil
	}
	err := r.chunk(f, past)
	if err != nil && past.To.Closed { // the sink takes nothing any more, so nothing of what is held would reach it
		f.state.Or(cut)
		return nil
	}
	return err
}

// Settle makes up its mind about what some sandboxes do not let one know of the source of a flow whose connection the system has done
// with: whether the peer's FIN is among the bytes received. The note may tell; else it is taken to be, so that no byte is passed on that
// never was.
func (r *Restorer) Settle(number int, from, to Truth) Truth {
	if !from.TakenUnsure {
		return from
	}
	kind, payload, start, _ := r.loop.notes[number].read() // what is wrong with it, Flow says
	taken := to.Given
	switch kind {
	case inBuffer:
		taken = max(from.Taken-1, start)
	case inPipe:
		n, _ := PipeHolds(int(payload >> pipeBits))
		taken += uint64(n)
	}
	settled, _ := from.KnowingTaken(taken)
	return settled
}

// WasReset reports whether a connection failed and somebody was told so already: it is closed, and one of its directions never ended.
func (t Truth) WasReset() bool { return t.Closed && !t.Failing && (!t.FinIn || !t.FinOut) }

// chunk gives the flow the chunk that it held.
func (r *Restorer) chunk(f *Flow, past Past) error {
	kind, payload, start, ok := r.loop.notes[f.Kept()].read()
	taken, given := past.From.Taken, f.moved.Load()
	switch {
	case past.From.TakenUnsure, taken < given:
		return errCount
	case taken == given:
		return nil
	case !ok:
		return errNote
	case kind == inBuffer:
		return r.buffer(f, int(payload), start, taken)
	case kind == inPipe:
		return r.pipe(f, int(payload>>pipeBits), int(payload&(1<<pipeBits-1)), taken-given)
	case kind == lost:
		return errLost
	}
	return errCount
}

// buffer gives the flow a chunk in a buffer; see Note for what the numbers mean.
func (r *Restorer) buffer(f *Flow, number int, start, taken uint64) error {
	given := f.moved.Load()
	if number >= len(r.loop.buffers.outside) {
		return errNote
	}
	if start > given || taken-start > bufferSize || r.holds[number] {
		return errCount
	}
	r.holds[number] = true
	f.buf, f.from, f.to = &r.loop.buffers.outside[number], uint16(given-start), uint16(taken-start)
	f.state.Or(full | wanted)
	return nil
}

// pipe gives the flow the pipe that its bytes are in.
func (r *Restorer) pipe(f *Flow, in, out int, held uint64) error {
	n, err := PipeHolds(in)
	switch {
	case err != nil || !isPipe(in, out):
		return errNote
	case uint64(n) != held || r.pipes[in] || r.pipes[out]:
		return errCount
	}
	r.pipes[in], r.pipes[out] = true, true
	f.pipe = &pipe{r: in, w: out, left: n}
	f.bulk = true
	r.loop.pipes.made++
	f.state.Or(full | wanted)
	return nil
}

// Pipes are the descriptors of the pipes that restored flows have their bytes in.
func (r *Restorer) Pipes() map[int]bool { return r.pipes }

// Done ends the restoring: the memory of all chunks that no flow holds is given back.
func (r *Restorer) Done() { r.loop.buffers.reserve(r.holds) }

// Fail has reading tell an error that the process before was told already: the system tells it once.
func (s *Socket) Fail(errno syscall.Errno) { s.failed = errnum(errno) }
