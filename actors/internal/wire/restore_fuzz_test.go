//go:build linux

package wire

import (
	"testing"
	"time"
)

// FuzzRestore: whatever a note says and whatever the system counts, a flow is restored with bytes that were taken and not given yet, or
// not at all; and nobody panics.
func FuzzRestore(f *testing.F) {
	f.Add(uint64(inBuffer|1), uint64(10), uint64(30), uint64(15), byte(64))
	f.Add(uint64(inBuffer|9999), uint64(10), uint64(30), uint64(15), byte(0))
	f.Add(uint64(inPipe|1<<40|3), uint64(0), uint64(30), uint64(15), byte(3))
	f.Add(lost, uint64(0), uint64(1), uint64(1), byte(0xff))
	f.Add(^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), byte(0))
	f.Fuzz(func(t *testing.T, chunk, start, taken, given uint64, how byte) {
		l := &Loop{}
		l.KeepOutside(Outside{Notes: make([]Note, 2), Chunks: make([]Chunk, 4)}, time.Now())
		if how>>6&1 == 1 { // else the check would keep nearly all of them out
			chunk = seal(chunk&kinds, chunk&payloads, start)
		}
		l.notes[1].chunk.Store(chunk)
		l.notes[1].start.Store(start)
		bit := func(n int) bool { return how>>n&1 == 1 }
		from := Truth{Taken: taken, Closed: bit(0), TakenUnsure: bit(0) && bit(1), FinIn: bit(2)}
		past := Past{To: Truth{Given: given, Closed: bit(3)}, Cut: bit(4), Delivered: bit(5)}
		r := NewRestorer(l)
		past.From = r.Settle(1, from, past.To)
		flow := &Flow{}
		err := r.Flow(flow, 1, past)
		if err != nil || !flow.Held() {
			return
		}
		if past.Cut || past.Delivered {
			t.Fatal("a flow that is over holds bytes")
		}
		if flow.buf == nil {
			return
		}
		if held := uint64(flow.left()); held != past.From.Taken-given || flow.from >= flow.to || int(flow.to) > bufferSize {
			t.Errorf("the flow holds %d bytes, [%d:%d], but %d were taken and %d given", held, flow.from, flow.to, past.From.Taken, given)
		}
		if uint64(flow.from) != given-start {
			t.Errorf("the chunk begins with byte %d and %d were given, but what is left begins at %d of it", start, given, flow.from)
		}
	})
}
