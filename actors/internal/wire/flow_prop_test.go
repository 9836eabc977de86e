//go:build linux

package wire

import (
	"bytes"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// rig is a flow between two real TCP connections, with the test at both outer ends.
type rig struct {
	loop     *Loop
	flow     Flow
	src, dst Socket
	from, to int // the peers' descriptors
	stream   []byte
	sent     int
	taken    int
	modes    map[bool]int // chunks by mode: true = in a pipe
}

func newRig(t fataler, stream []byte) *rig {
	l := &Loop{}
	l.pipes.max = 1
	r := &rig{loop: l, stream: stream, modes: map[bool]int{}}
	srcFD, from := tcpPair(t)
	dstFD, to := tcpPair(t)
	narrow(dstFD, to) // so that writes fall short
	r.src, r.dst, r.from, r.to = bare(l, srcFD), bare(l, dstFD), from, to
	return r
}

func (r *rig) close() {
	r.flow.Discard(r.loop)
	r.loop.pipes.closeAll()
	for _, fd := range []int{int(r.src.fd), int(r.dst.fd), r.from, r.to} {
		if fd >= 0 {
			closeDescriptor(fd)
		}
	}
}

// send has the source send up to n bytes, as many as the system takes.
func (r *rig) send(n int) {
	m, _ := send(r.from, r.stream[r.sent:min(r.sent+n, len(r.stream))])
	r.sent += m
}

// take has the sink's peer take up to n bytes, and compares them.
func (r *rig) take(t fataler, n int) {
	p := make([]byte, n)
	n, errno := recv(r.to, p)
	switch {
	case errno == syscall.EAGAIN:
	case errno != 0:
		t.Fatalf("taking: %v", errno)
	case r.taken+n > r.sent || !bytes.Equal(p[:n], r.stream[r.taken:r.taken+n]):
		t.Fatalf("bytes %d to %d are not what was sent", r.taken, r.taken+n)
	}
	r.taken += n
}

func (r *rig) fill(t fataler) FillResult {
	held, bulk := r.flow.Held(), r.flow.bulk
	did := r.flow.Fill(&r.src)
	switch {
	case held && did != FillFull:
		t.Fatalf("a full flow was filled: %d", did)
	case did == FillDone:
		piped, buffered := r.flow.pipe != nil, r.flow.buf != nil
		r.modes[piped]++
		if piped == buffered || piped && !bulk {
			t.Fatalf("bulk: %v; in a pipe: %v, in a buffer: %v", bulk, piped, buffered)
		}
	}
	return did
}

func (r *rig) drain(t fataler) {
	marked := r.flow.state.Load()&wanted != 0
	switch did, errno := r.flow.Drain(&r.dst, nil); {
	case did == DrainFailed:
		t.Fatalf("draining: %v", errno)
	case marked && did == DrainDone:
		t.Fatal("the reader wanted to be rung, and the writer was not told")
	case did != DrainBlocked && (r.flow.buf != nil || r.flow.pipe != nil):
		t.Fatal("an empty flow holds on to a buffer or a pipe")
	}
}

// finish moves what is left, and checks that nothing is missing.
func (r *rig) finish(t fataler) {
	closeDescriptor(r.from)
	r.from = -1
	deadline := patience(t)
	for {
		if r.fill(t) == FillEnd {
			r.flow.End()
		}
		r.drain(t)
		r.take(t, 64<<10)
		if r.flow.Ended() && !r.flow.Held() && r.taken == int(r.flow.Moved()) {
			break
		}
		deadline()
	}
	if r.taken != r.sent {
		t.Fatalf("%d bytes sent, %d arrived", r.sent, r.taken)
	}
	if did, _ := r.flow.Drain(&r.dst, nil); did != DrainEnd {
		t.Fatalf("the flow is over, and Drain says %d", did)
	}
}

func TestFlowKeepsOrder(t *testing.T) {
	stream := randomBytes(1 << 20)
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t, stream)
		defer r.close()
		r.flow.bulk = rapid.Bool().Draw(t, "starts with a pipe")
		size := rapid.OneOf(rapid.IntRange(1, 300), rapid.IntRange(1, 8*bufferSize))
		t.Repeat(map[string]func(*rapid.T){
			"send":  func(t *rapid.T) { r.send(size.Draw(t, "bytes")) },
			"take":  func(t *rapid.T) { r.take(t, size.Draw(t, "bytes")) },
			"fill":  func(t *rapid.T) { r.fill(t) },
			"drain": func(t *rapid.T) { r.drain(t) },
			"pass": func(t *rapid.T) { // as traffic does, when nothing is in its way
				r.send(size.Draw(t, "bytes"))
				r.fill(t)
				r.drain(t)
				r.take(t, 8*bufferSize)
			},
		})
		r.finish(t)
	})
}

// TestFlowSwitches has one stream go from small traffic to bulk and back.
func TestFlowSwitches(t *testing.T) {
	r := newRig(t, randomBytes(4<<20))
	defer r.close()
	move := func(n, times int) (pipes, buffers int) {
		r.modes = map[bool]int{}
		for range times {
			r.send(n)
			deadline := patience(t)
			for r.taken < r.sent {
				r.fill(t)
				r.drain(t)
				r.take(t, 64<<10)
				deadline()
			}
		}
		return r.modes[true], r.modes[false]
	}
	if pipes, _ := move(100, 10); pipes != 0 {
		t.Errorf("small traffic went through a pipe %d times", pipes)
	}
	if pipes, buffers := move(8*bufferSize, 8); pipes == 0 || buffers > 2*toBulk {
		t.Errorf("bulk traffic used a pipe %d times, buffers %d times", pipes, buffers)
	}
	if pipes, buffers := move(100, 10); pipes > toSmall || buffers == 0 {
		t.Errorf("small traffic after bulk used a pipe %d times, buffers %d times", pipes, buffers)
	}
	r.finish(t)
}

// TestFlowWithoutPipes has bulk traffic do without a pipe, since another flow holds the only one.
func TestFlowWithoutPipes(t *testing.T) {
	r := newRig(t, randomBytes(1<<20))
	defer r.close()
	held := r.loop.pipes.get()
	r.flow.bulk = true
	r.send(4 * bufferSize)
	r.flow.Fill(&r.src)
	if r.flow.buf == nil {
		t.Error("the flow found no way to move bytes")
	}
	r.finish(t)
	r.loop.pipes.put(held)
}

// TestCutFlowDrops has a flow lose its sink at any moment: the source must be able to send all it has, and see nobody wait.
func TestCutFlowDrops(t *testing.T) {
	stream := randomBytes(2 << 20)
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t, stream)
		defer r.close()
		r.flow.bulk = rapid.Bool().Draw(t, "uses a pipe")
		r.send(rapid.IntRange(0, 8*bufferSize).Draw(t, "bytes before"))
		for range rapid.IntRange(0, 3).Draw(t, "chunks before") {
			r.fill(t)
			r.drain(t)
		}
		r.flow.Cut(r.loop)
		if r.flow.Held() || r.flow.buf != nil || r.flow.pipe != nil {
			t.Fatal("a cut flow holds on to bytes")
		}
		moved := r.flow.Moved()
		deadline := patience(t)
		for r.sent < len(r.stream) {
			r.send(len(r.stream))
			if did := r.flow.Fill(&r.src); did != FillDropped && did != FillDry {
				t.Fatalf("a cut flow answers %d", did)
			}
			deadline()
		}
		closeDescriptor(r.from)
		r.from = -1
		for r.flow.Fill(&r.src) != FillEnd {
			deadline()
		}
		r.flow.End()
		if did, _ := r.flow.Drain(&r.dst, nil); did != DrainEnd || r.flow.Moved() != moved {
			t.Fatalf("after the end of a cut flow: %d, and %d bytes moved", did, r.flow.Moved()-moved)
		}
	})
}

// TestDroppingTakesTurns has a cut flow with much to drop come back to the loop, instead of dropping it all at once.
func TestDroppingTakesTurns(t *testing.T) {
	r := newRig(t, randomBytes(1<<20))
	defer r.close()
	r.flow.Cut(r.loop)
	r.send(2 * dropAtOnce * bufferSize)
	if did := r.flow.Fill(&r.src); did != FillDropped {
		t.Fatalf("Fill = %d, with %d bytes sent", did, r.sent)
	}
	if r.loop.spent > dropAtOnce*bufferSize {
		t.Errorf("%d bytes dropped in one turn", r.loop.spent)
	}
}

// TestPipesWithBytesAreNotReused cuts a flow whose pipe holds bytes; the next flow must not meet them.
func TestPipesWithBytesAreNotReused(t *testing.T) {
	r := newRig(t, randomBytes(1<<20))
	defer r.close()
	for _, take := range []int{0, 1000} { // a pipe never written from, and one written in part
		r.flow = Flow{bulk: true}
		r.send(8 * bufferSize)
		if r.fill(t); r.flow.pipe == nil {
			t.Fatal("no pipe was used")
		}
		if take > 0 {
			r.drain(t)
		}
		p := r.flow.pipe
		r.flow.Cut(r.loop)
		if r.flow = (Flow{}); len(r.loop.pipes.kept) != 0 || p.left == 0 {
			t.Fatalf("a pipe with %d bytes is kept for later", p.left)
		}
		if r.loop.pipes.made != 0 {
			t.Errorf("%d pipes on the books", r.loop.pipes.made)
		}
	}
}

// TestPoolsAreBounded gives back more than a loop keeps.
func TestPoolsAreBounded(t *testing.T) {
	var pipes pipePool
	pipes.max = 2 * pipesKept
	before := descriptors()
	out := make([]*pipe, 0, pipes.max)
	for p := pipes.get(); p != nil; p = pipes.get() {
		out = append(out, p)
	}
	if len(out) != pipes.max {
		t.Errorf("%d pipes given out, the limit is %d", len(out), pipes.max)
	}
	for _, p := range out {
		pipes.put(p)
	}
	if open := descriptors() - before; open != 2*pipesKept {
		t.Errorf("%d descriptors open for %d pipes kept", open, pipesKept)
	}
	pipes.closeAll()
	var buffers bufferPool
	for range 2 * buffersKept {
		buffers.put(new(buffer))
	}
	if len(buffers.kept) != buffersKept {
		t.Errorf("%d buffers kept, the limit is %d", len(buffers.kept), buffersKept)
	}
}
