package wire

import (
	"sync/atomic"
	"syscall"
)

// Flow carries one direction of a connection, from a source socket to a sink. It holds at most one chunk.
//
// It is a hand-off between one reader, which calls Fill and End, and one writer, which calls Drain and Cut. Whose turn it is stands in
// one word, and passes by one atomic step that is made straight after the system call that moved the bytes, with nothing in between
// that can panic. So whoever is killed, before or after, the flow knows where every byte is:
//
//	empty   the reader's turn: only it may touch the chunk
//	full    the writer's turn: only it may touch the chunk
//
// Beside the turn stand three marks:
//
//	wanted  the reader found the flow full, or knows of more to come: the writer, when it empties the flow, must ring the reader
//	ended   the reader will add nothing more
//	cut     the sink failed: what the source still sends is read and dropped, so that the source is not blocked
//
// Both halves run on the loop's goroutine. The methods Held, Ended, IsCut and Moved may be called from any.
type Flow struct {
	state atomic.Uint32
	bulk  bool   // reader: use a pipe
	run   uint8  // reader: how many reads in a row spoke for the other way of moving bytes
	noted uint32 // the number of its note, + 1; 0 = none is kept. See Note

	from, to uint16
	buf      *buffer // the chunk: buf[from:to], or
	pipe     *pipe   // what the pipe holds
	moved    atomic.Uint64
}

const (
	full uint32 = 1 << iota
	wanted
	ended
	cut
)

// FillResult says what came of Fill.
type FillResult uint8

const (
	// FillDone: bytes were added; ring the writer.
	FillDone FillResult = iota
	// FillFull: the flow holds a chunk; the writer will ring.
	FillFull
	// FillDry: nothing to read; the next arrival is a Readable.
	FillDry
	// FillEnd: the source's stream has ended; call End, then ring the writer.
	FillEnd
	// FillFailed: reading failed; Socket.Failure tells why.
	FillFailed
	// FillDropped: bytes of a cut flow were dropped, and more may wait: fill again after everyone else had a turn.
	FillDropped
)

// DrainResult says what came of Drain.
type DrainResult uint8

const (
	// DrainDone: the flow is empty.
	DrainDone DrainResult = iota
	// DrainWanted: the flow is empty, and the reader waits; ring it.
	DrainWanted
	// DrainBlocked: the sink takes no more; the next space is a Writable.
	DrainBlocked
	// DrainEnd: the flow is empty and has ended: nothing more will ever come.
	DrainEnd
	// DrainFailed: writing failed, with the error returned; call Cut.
	DrainFailed
)

const (
	// toBulk is how many full buffers in a row make a flow use a pipe, and toSmall how many thin chunks in a row make it stop.
	toBulk, toSmall = 2, 4
	// dropAtOnce is how much of a cut flow's input is dropped in one turn.
	dropAtOnce = 16
)

// Fill reads once from src into the flow, if it is the reader's turn. The reader's half.
func (f *Flow) Fill(src *Socket) FillResult {
	for {
		s := f.state.Load()
		switch {
		case s&cut != 0:
			return f.drop(src)
		case s&ended != 0:
			return FillEnd
		case s&full == 0:
			if f.bulk && src.splices {
				return f.fillPipe(src)
			}
			return f.fillBuffer(src)
		case s&wanted != 0 || f.state.CompareAndSwap(s, s|wanted):
			return FillFull
		}
		// The writer emptied it just now: look again.
	}
}

func (f *Flow) fillBuffer(src *Socket) FillResult {
	b := src.loop.buffers.get()
	if note := f.note(src.loop); note != nil {
		note.begin(src.loop.buffers.number(b), f.moved.Load())
	}
	n, errno := src.Read(b[:])
	seam("fill: received")
	if n == 0 {
		src.loop.buffers.put(b)
		return verdict(errno)
	}
	f.buf, f.from, f.to = b, 0, uint16(n)
	if src.drained(n, bufferSize) {
		f.state.Or(full)
	} else {
		f.state.Or(full | wanted)
	}
	src.loop.spend(n)
	if canSplice && n == bufferSize {
		f.vote(true, toBulk)
	} else {
		f.run = 0
	}
	return FillDone
}

func (f *Flow) fillPipe(src *Socket) FillResult {
	p := src.loop.pipes.get()
	if p == nil {
		f.bulk = false
		return f.fillBuffer(src)
	}
	note := f.note(src.loop)
	if note != nil {
		note.beginPipe(p)
	}
	n, errno := splice(int(src.fd), p.w, pipeSize)
	seam("fill: spliced")
	if n == 0 {
		if note != nil {
			note.forget()
		}
		src.loop.pipes.put(p)
		if errno == syscall.EAGAIN {
			return FillDry
		}
		// An end of stream is what splice also says of urgent data; so ask a read. But an error is told once, and this splice was told it.
		f.bulk = false
		did := f.fillBuffer(src)
		if did == FillEnd && errno != 0 {
			src.failed = errnum(errno)
			return FillFailed
		}
		return did
	}
	// A pipe of 1 MiB takes more than that where pages are large. Fewer and larger chunks wake the peers, and us, less often.
	for more := n; more >= pipeSize/2 && n < chunkMost; n += more {
		if more, errno = splice(int(src.fd), p.w, pipeSize); errno != 0 && errno != syscall.EAGAIN {
			src.failed = errnum(errno) // told once: kept for the next read
		}
		seam("fill: spliced more")
	}
	p.left = n
	f.pipe = p
	f.state.Or(full | wanted) // a splice stops short for many reasons: only the next one tells whether there is more
	src.loop.spend(n)
	if n < bufferSize {
		f.vote(false, toSmall)
	} else {
		f.run = 0
	}
	return FillDone
}

// vote counts a chunk that spoke for moving bytes in bulk, or not; after enough of them in a row the flow changes over.
func (f *Flow) vote(bulk bool, enough uint8) {
	if f.run++; f.run >= enough {
		f.bulk, f.run = bulk, 0
	}
}

func verdict(errno syscall.Errno) FillResult {
	switch errno {
	case 0:
		return FillEnd
	case syscall.EAGAIN:
		return FillDry
	default:
		return FillFailed
	}
}

// drop reads and forgets what the source of a cut flow still sends.
func (f *Flow) drop(src *Socket) FillResult {
	b := src.loop.buffers.get()
	defer src.loop.buffers.put(b)
	for range dropAtOnce {
		n, errno := src.Read(b[:])
		if n == 0 {
			return verdict(errno)
		}
		src.loop.spend(n)
	}
	return FillDropped
}

// End marks that the source's stream has ended. The reader's half.
func (f *Flow) End() { f.state.Or(ended) }

// Drain writes what the flow holds to dst, if it is the writer's turn. The writer's half. between (which may be nil) is called between
// two writes of one chunk.
func (f *Flow) Drain(dst *Socket, between func()) (DrainResult, syscall.Errno) {
	s := f.state.Load()
	if s&full == 0 {
		if s&ended != 0 {
			return DrainEnd, 0
		}
		return DrainDone, 0
	}
	for {
		seam("drain: about to send")
		n, errno := f.write(dst)
		seam("drain: sent")
		if errno == syscall.EAGAIN {
			return DrainBlocked, 0
		}
		if errno != 0 {
			return DrainFailed, errno
		}
		f.moved.Add(uint64(n))
		dst.loop.spend(n)
		if f.left() == 0 {
			break
		}
		if between != nil {
			between()
		}
	}
	if f.release(dst.loop)&wanted != 0 {
		return DrainWanted, 0
	}
	return DrainDone, 0
}

// write writes once, and notes what was written before anything else can happen.
func (f *Flow) write(dst *Socket) (n int, errno syscall.Errno) {
	if f.pipe != nil {
		n, errno = dst.writePipe(f.pipe.r, f.pipe.left)
		f.pipe.left -= n
		return n, errno
	}
	n, errno = dst.Write(f.buf[f.from:f.to])
	f.from += uint16(n)
	return n, errno
}

// left is how many bytes the chunk still holds; for the one whose turn it is.
func (f *Flow) left() int {
	if f.pipe != nil {
		return f.pipe.left
	}
	return int(f.to - f.from)
}

// release gives the chunk back and the turn to the reader; it returns the marks that stood.
func (f *Flow) release(l *Loop) uint32 {
	if f.pipe != nil {
		if note := f.note(l); note != nil {
			note.forget()
			seam("drain: pipe forgotten")
		}
		l.pipes.put(f.pipe)
		f.pipe = nil
	}
	if f.buf != nil {
		l.buffers.put(f.buf)
		f.buf = nil
	}
	return f.state.And(^(full | wanted))
}

// Cut gives the flow up, since its sink failed: what it holds is dropped, and what its source still sends will be. The writer's half;
// afterwards, ring the reader.
func (f *Flow) Cut(l *Loop) {
	f.state.Or(cut)
	if f.state.Load()&full != 0 {
		f.release(l)
	}
}

// Discard gives back what the flow holds, when its session ends; nobody may use the flow any more.
func (f *Flow) Discard(l *Loop) { f.Cut(l) }

// Held reports whether the flow holds bytes that its sink has not taken.
func (f *Flow) Held() bool { return f.state.Load()&full != 0 }

// Ended reports whether the source's stream has ended.
func (f *Flow) Ended() bool { return f.state.Load()&ended != 0 }

// IsCut reports whether the sink has failed.
func (f *Flow) IsCut() bool { return f.state.Load()&cut != 0 }

// Moved is how many bytes the sink has taken so far.
func (f *Flow) Moved() uint64 { return f.moved.Load() }
