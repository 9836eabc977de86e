package wire

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// Note is what is kept of a Flow outside the process: where its chunk is. Two words, each written by single stores on the loop's goroutine.
//
// How many bytes a flow holds is not in it. That is what was taken from its source less what was given to its sink, and the system knows
// both to the byte, whatever instant the process died at; see Truth. So nothing need be stored after a read, or after a write. Of a flow
// that holds nothing the note may be any.
//
// The order of stores and system calls, and what a successor finds after each of them:
//
//	start   taken = given: the flow holds nothing, as before
//	chunk   the same
//	recv    the chunk holds the bytes of the stream from start to taken; those from given on are left
//	send    the same, and fewer are left
//
// A pipe is named before bytes go into it, and is not named any more before it can be another flow's: so what lies in the pipe that a note
// names is the flow's, and the system says how much it is.
type Note struct {
	start atomic.Uint64 // which byte of the stream the chunk begins with, if it is a buffer
	chunk atomic.Uint64 // see seal
}

// The kinds of chunk in a note, in its two highest bits. In the lowest stand, of a buffer its number in Outside.Chunks, of a pipe its two
// descriptors. Between them stands a check of them and of the start: with another chunk, or another place in it, bytes of another flow
// would go to the wrong peer.
const (
	noChunk uint64 = iota << 62
	inBuffer
	inPipe
	lost // in memory that ends with the process

	kinds = lost
)

const (
	pipeBits    = 20 // of one descriptor
	payloadBits = 2 * pipeBits
	payloads    = 1<<payloadBits - 1
	checks      = ^(kinds | payloads)
	factor      = 0x9e3779b97f4a7c15 // any odd number without a pattern: each bit of what is multiplied changes the highest ones
)

// seal adds the check. What has no room is as good as lost.
func seal(kind, payload, start uint64) uint64 {
	if payload > payloads {
		kind, payload = lost, 0
	}
	return kind | payload | checkOf(kind|payload, start)
}

func checkOf(word, start uint64) uint64 {
	return ((word^word>>22)*factor ^ (start^start>>29)*(factor+2)) >> 2 & checks
}

// read is what the note says of its chunk; false if nobody has written it so.
func (n *Note) read() (kind, payload, start uint64, ok bool) {
	word, start := n.chunk.Load(), n.start.Load()
	return word & kinds, word & payloads, start, word == noChunk || word&checks == checkOf(word&^checks, start)
}

// begin says into which buffer the next bytes go, and which byte of the stream is the first of them.
func (n *Note) begin(number int, start uint64) {
	n.start.Store(start)
	seam("fill: start noted")
	if number < 0 {
		n.chunk.Store(seal(lost, 0, start))
	} else {
		n.chunk.Store(seal(inBuffer, uint64(number), start))
	}
	seam("fill: chunk noted")
}

// beginPipe says into which pipe the next bytes go.
func (n *Note) beginPipe(p *pipe) {
	if start := n.start.Load(); max(p.r, p.w) < 1<<pipeBits {
		n.chunk.Store(seal(inPipe, uint64(p.r)<<pipeBits|uint64(p.w), start))
	} else {
		n.chunk.Store(seal(lost, 0, start))
	}
	seam("fill: pipe noted")
}

// forget says that the pipe is not the flow's any more.
func (n *Note) forget() { n.chunk.Store(noChunk) }

// Reset makes the note that of a new flow.
func (n *Note) Reset() {
	n.chunk.Store(noChunk)
	n.start.Store(0)
}

// Outside is memory of a loop that outlives the process.
type Outside struct {
	Notes  []Note
	Chunks []Chunk
}

// ChunkSize is the size of a Chunk in bytes.
const ChunkSize = bufferSize

// Chunk is a user-space chunk of a flow.
type Chunk = buffer

// KeepOutside has the loop's flows keep notes, and hold their bytes, in memory that outlives the process; began is the zero of the loop's
// clock. Before anything else is done with the loop.
func (l *Loop) KeepOutside(o Outside, began time.Time) {
	l.notes = o.Notes
	l.buffers.outside = o.Chunks
	l.start = began
	l.now = int64(time.Since(began))
}

// Keep has the flow kept in a note of its loop, by its number.
func (f *Flow) Keep(number int) { f.noted = uint32(number) + 1 }

// Kept is the number of the flow's note; -1 if it has none.
func (f *Flow) Kept() int { return int(f.noted) - 1 }

// note is the flow's note, nil if it is not kept.
func (f *Flow) note(l *Loop) *Note {
	if f.noted == 0 {
		return nil
	}
	return &l.notes[f.noted-1]
}

// number is which of the outside chunks a buffer is; -1 if it is none of them.
func (p *bufferPool) number(b *buffer) int {
	if len(p.outside) == 0 {
		return -1
	}
	offset := uintptr(unsafe.Pointer(b)) - uintptr(unsafe.Pointer(&p.outside[0]))
	if number := offset / bufferSize; number < uintptr(len(p.outside)) {
		return int(number)
	}
	return -1
}
