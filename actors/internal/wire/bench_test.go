//go:build linux

package wire

import "testing"

const (
	smallChunk = 64
	largeChunk = 64 << 10
)

// newCarrier returns a function that carries one chunk through a flow: it is sent, filled, drained and taken.
func newCarrier(tb testing.TB, bulk bool) func() {
	l := &Loop{}
	l.pipes.max = 1
	srcFD, from := localPair(1 << 20)
	dstFD, to := localPair(1 << 20)
	src, dst := bare(l, srcFD), bare(l, dstFD)
	chunk, sink := make([]byte, smallChunk), make([]byte, largeChunk)
	if bulk {
		chunk = sink
	}
	f := &Flow{bulk: bulk}
	tb.Cleanup(func() {
		f.Discard(l)
		l.pipes.closeAll()
		for _, fd := range []int{srcFD, dstFD, from, to} {
			closeDescriptor(fd)
		}
	})
	carry := func() {
		if n, errno := send(from, chunk); n != len(chunk) {
			tb.Fatalf("sent %d: %v", n, errno)
		}
		for taken := 0; taken < len(chunk); {
			if did := f.Fill(&src); did != FillDone || bulk != (f.pipe != nil) {
				tb.Fatalf("Fill = %d, in a pipe: %v", did, f.pipe != nil)
			}
			if did, errno := f.Drain(&dst, nil); did > DrainWanted {
				tb.Fatalf("Drain = %d, %v", did, errno)
			}
			n, _ := recv(to, sink)
			taken += n
		}
	}
	carry() // fills the pools
	return carry
}

// poster returns a function that posts a task and has the loop run it.
func poster(d *driver) func() {
	ran := 0
	t := task(func() { ran++ })
	return func() {
		before := ran
		d.Post(t)
		if d.runPosted(); ran != before+1 {
			d.Fatal("the task did not run")
		}
	}
}

// BenchmarkFlowBuffer carries 64 bytes through a buffer. Two of its four system calls are the peers'.
func BenchmarkFlowBuffer(b *testing.B) {
	carry := newCarrier(b, false)
	b.SetBytes(smallChunk)
	b.ReportAllocs()
	for b.Loop() {
		carry()
	}
}

// BenchmarkFlowPipe carries 64 KiB through a pipe.
func BenchmarkFlowPipe(b *testing.B) {
	carry := newCarrier(b, true)
	b.SetBytes(largeChunk)
	b.ReportAllocs()
	for b.Loop() {
		carry()
	}
}

// BenchmarkPost posts a task and runs it, on the loop's own goroutine: what a doorbell costs.
func BenchmarkPost(b *testing.B) {
	post := poster(newDriver(b, 0))
	b.ReportAllocs()
	for b.Loop() {
		post()
	}
}

// BenchmarkPostFromElsewhere posts from another goroutine to a loop that mostly sleeps: what waking it costs.
func BenchmarkPostFromElsewhere(b *testing.B) {
	l, err := NewLoop(0)
	if err != nil {
		b.Fatal(err)
	}
	done, ran := make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(done)
		l.Run()
	}()
	t := task(func() { ran <- struct{}{} })
	b.ReportAllocs()
	for b.Loop() {
		l.Post(t)
		<-ran
	}
	l.Close()
	<-done
}
