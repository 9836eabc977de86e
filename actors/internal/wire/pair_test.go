//go:build linux

package wire

import "syscall"

// bell is one of the wake-ups that pass between the loop, a reader and a writer.
type bell uint8

const (
	readable bell = 1 << iota // the loop rings the reader
	drained                   // the writer rings the reader
	writable                  // the loop rings the writer
	filled                    // the reader rings the writer
)

const (
	readersBells = readable | drained
	writersBells = writable | filled
)

// pair is a reader and a writer over one flow. They do what the actors do, step by step, without being actors: this package must
// keep its promises to them, not to a tidier kind of caller.
type pair struct {
	loop     *Loop
	src, dst *Socket
	flow     Flow
	shut     bool          // the end of the stream has been passed on
	failed   syscall.Errno // why reading failed
	broken   syscall.Errno // why the sink was given up
	ring     func(bell)    // tells a bell
	point    func()        // called wherever a half may be killed, by a panic; nil = nobody is killed
	between  func()        // called between two writes of one chunk
}

func (p *pair) at() {
	if p.point != nil {
		p.point()
	}
}

// hear has the half that a bell is for do its work.
func (p *pair) hear(b bell) {
	if b&readersBells != 0 {
		p.fill()
	} else {
		p.drain()
	}
}

// reviveReader and reviveWriter are what an incarnation does first that comes after a killed one.
func (p *pair) reviveReader() {
	if p.flow.Held() || p.flow.Ended() {
		p.ring(filled)
	}
	p.fill()
}

func (p *pair) reviveWriter() {
	p.drain()
	p.ring(drained)
}

func (p *pair) fill() {
	p.at()
	switch p.flow.Fill(p.src) {
	case FillDone:
		p.at()
		p.ring(filled)
	case FillEnd:
		p.end()
	case FillFailed:
		p.at()
		p.failed = p.src.Failure()
		p.end()
	case FillDropped:
		p.at()
		p.ring(readable)
	}
	p.at()
}

func (p *pair) end() {
	if p.flow.Ended() {
		return
	}
	p.at()
	p.flow.End()
	p.at()
	p.ring(filled)
}

func (p *pair) drain() {
	p.at()
	did, errno := p.flow.Drain(p.dst, p.between)
	switch did {
	case DrainWanted:
		p.at()
		p.ring(drained)
	case DrainEnd:
		p.shutdown()
	case DrainFailed:
		p.at()
		p.broken = errno
		p.flow.Cut(p.loop)
		p.at()
		p.ring(drained)
	}
	p.at()
}

func (p *pair) shutdown() {
	if p.shut {
		return
	}
	p.at()
	p.dst.ShutdownWrite()
	p.shut = true
	p.at()
}
