//go:build linux

package wire

import (
	"bytes"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// world is one state of a walk.
type world struct {
	pair
	scenario
	stream           []byte
	srcPeer, dstPeer int
	sockets          [2]Socket

	sent, taken       int // bytes that the source has sent, and that the sink's peer has taken
	sentEnd, gone     bool
	srcEdge, sinkEdge bool // the loop has something to tell
	blocked           bool // the last write fell short: there will be a Writable
	bells             bell // rung, not heard yet
	dead              [2]bool
	wrong             string

	points, killAt int // which step of this action kills; -1 = none
	nested         bool
}

// key is what tells two states apart.
type key struct {
	state                                           uint32
	bulk, wary, splices, shut, sentEnd, gone        bool
	srcEdge, sinkEdge, blocked, deadReader, deadOne bool
	run                                             uint8
	left, sent, fetched, moved, taken               int
	bells                                           bell
	failed, refused                                 syscall.Errno
	kills, strays                                   int
}

type deed uint8

const (
	send1  deed = iota // the source sends a chunk
	finish             // the source ends
	take               // the sink's peer takes all it was sent
	die                // the sink's peer goes away
	tellSrc
	tellSink
	hear
	revive
	stray // a bell rings for nothing
	deeds
)

var deedNames = [deeds]string{
	"source sends", "source ends", "sink takes", "sink dies", "loop tells source", "loop tells sink", "hear", "revive", "stray",
}

// action is one step of a walk.
type action struct {
	deed   deed
	bell   bell
	killAt int  // the half is killed at its so-manieth step; -1 = not
	nested bool // the reader hears its bells between two writes of the writer
}

func (a action) String() string {
	s := deedNames[a.deed]
	if a.bell != 0 {
		s += " " + map[bell]string{readable: "readable", drained: "drained", writable: "writable", filled: "filled"}[a.bell]
	}
	if a.killAt >= 0 {
		s += fmt.Sprintf(", killed at step %d", a.killAt)
	}
	if a.nested {
		s += ", the reader running between its writes"
	}
	return s
}

const (
	reader = 0
	writer = 1
)

type killed struct{}

func newWorld(l *Loop, s scenario, stream []byte) *world {
	room := 1 // as little as the system allows
	if s.partial {
		room = 6000 // 11,872 bytes, as the system counts
	}
	w := &world{scenario: s, stream: stream, killAt: -1}
	var srcFD, dstFD int
	srcFD, w.srcPeer = localPair(0)
	dstFD, w.dstPeer = localPair(room)
	w.sockets = [2]Socket{bare(l, srcFD), bare(l, dstFD)}
	w.pair = pair{loop: l, src: &w.sockets[0], dst: &w.sockets[1]}
	if w.flow.bulk = s.bulk; s.bulk && len(l.pipes.kept) == 0 {
		l.pipes.put(narrowPipe(l))
	}
	w.ring = func(b bell) { w.bells |= b }
	w.point = func() {
		w.points++
		if w.points-1 == w.killAt {
			panic(killed{})
		}
	}
	w.between = func() {
		w.at()
		if w.nested {
			w.nested = false
			b := w.bells & readersBells
			w.bells &^= b
			w.fill()
		}
	}
	if s.reset {
		mustSend(srcFD, []byte{0}) // a peer that closes with unread bytes resets
	}
	return w
}

// narrowPipe has room for a page, so that one splice leaves bytes behind.
func narrowPipe(l *Loop) *pipe {
	p := l.pipes.get()
	if _, err := unix.FcntlInt(uintptr(p.r), unix.F_SETPIPE_SZ, 4096); err != nil {
		panic(err)
	}
	return p
}

func (w *world) close() {
	w.flow.Discard(w.loop)
	closeDescriptor(int(w.src.fd))
	closeDescriptor(int(w.dst.fd))
	if !w.sentEnd {
		closeDescriptor(w.srcPeer)
	}
	if !w.gone {
		closeDescriptor(w.dstPeer)
	}
}

func (w *world) key() key {
	f := &w.flow
	left := 0
	if f.Held() {
		left = f.left()
	}
	return key{
		state: f.state.Load(), bulk: f.bulk, wary: w.src.wary, splices: w.src.splices, shut: w.shut, sentEnd: w.sentEnd, gone: w.gone,
		srcEdge: w.srcEdge, sinkEdge: w.sinkEdge, blocked: w.blocked, deadReader: w.dead[reader], deadOne: w.dead[writer],
		run: f.run, left: left, sent: w.sent, fetched: w.sent - w.src.Unread(), moved: int(f.Moved()), taken: w.taken,
		bells: w.bells, failed: syscall.Errno(w.src.failed), refused: syscall.Errno(w.dst.refused), kills: w.kills, strays: w.strays,
	}
}

// possible lists what may happen next. work reports whether any of it is the loop's or a half's to do.
func (w *world) possible() (all []action, work bool) {
	add := func(d deed, b bell) { all = append(all, action{deed: d, bell: b, killAt: -1}) }
	if w.srcEdge {
		add(tellSrc, 0)
	}
	if w.sinkEdge {
		add(tellSink, 0)
	}
	for b := readable; b <= filled; b <<= 1 {
		if w.bells&b != 0 && !w.dead[half(b)] {
			add(hear, b)
			if b&writersBells != 0 && w.bells&readersBells != 0 && !w.dead[reader] {
				all = append(all, action{deed: hear, bell: b, killAt: -1, nested: true})
			}
		}
	}
	for _, b := range []bell{readable, writable} {
		if w.dead[half(b)] {
			add(revive, b)
		}
	}
	work = len(all) > 0
	switch {
	case w.sent < len(w.stream):
		add(send1, 0)
	case !w.sentEnd:
		add(finish, 0)
	}
	if !w.gone && int(w.flow.Moved()) > w.taken {
		add(take, 0)
	}
	if w.dies && !w.gone {
		add(die, 0)
	}
	if w.strays > 0 {
		add(stray, drained)
		add(stray, filled)
	}
	return all, work
}

func half(b bell) int {
	if b&readersBells != 0 {
		return reader
	}
	return writer
}

// do takes one step. It reports whether the step took place as asked: a killing at step 9 does not if there are only 8.
func (w *world) do(a action) (asAsked bool) {
	w.points, w.killAt, w.nested = 0, a.killAt, a.nested
	switch a.deed {
	case send1:
		for n, sent := 0, 0; ; n++ {
			if sent == w.sent {
				mustSend(w.srcPeer, w.stream[sent:sent+w.chunks[n]])
				w.sent += w.chunks[n]
				break
			}
			sent += w.chunks[n]
		}
		w.srcEdge = true
	case finish:
		closeDescriptor(w.srcPeer)
		w.sentEnd, w.srcEdge = true, true
	case take:
		w.takeAll()
		w.sinkEdge = w.sinkEdge || w.blocked
		w.blocked = false
	case die:
		closeDescriptor(w.dstPeer)
		w.gone, w.sinkEdge, w.blocked = true, true, false
	case tellSrc:
		w.srcEdge = false
		if w.sentEnd { // the system tells the end with every event from then on
			w.src.wary, w.src.splices = true, false
		}
		w.ring(readable)
	case tellSink:
		w.sinkEdge = false
		if w.flow.Held() { // as the actors do: a writer with nothing to write need not know of space
			w.ring(writable)
		}
	case hear:
		w.bells &^= a.bell
		w.run(a.bell, func() { w.hear(a.bell) })
	case revive:
		w.dead[half(a.bell)] = false
		if half(a.bell) == reader {
			w.run(a.bell, w.reviveReader)
		} else {
			w.run(a.bell, w.reviveWriter)
		}
	case stray:
		w.strays--
		w.ring(a.bell)
	}
	return (a.killAt < 0 || w.points > a.killAt) && !w.nested
}

// run has a half work until it is done or killed.
func (w *world) run(b bell, work func()) {
	defer func() {
		switch r := recover(); r {
		case nil:
		case killed{}:
			w.kills--
			w.dead[half(b)] = true
		default:
			panic(r)
		}
	}()
	if half(b) == writer {
		w.blocked = false // a writer that is killed may not have come to its write
	}
	work()
	if half(b) == writer {
		w.blocked = w.flow.Held()
	}
}

func (w *world) takeAll() {
	p := make([]byte, len(w.stream)+1)
	for {
		n, errno := recv(w.dstPeer, p)
		switch {
		case errno == syscall.EAGAIN || errno == 0 && n == 0:
			return
		case errno != 0:
			w.wrong = "the sink's peer met " + errno.Error()
			return
		case w.taken+n > len(w.stream) || !bytes.Equal(p[:n], w.stream[w.taken:w.taken+n]):
			w.wrong = fmt.Sprintf("bytes %d to %d are not what was sent", w.taken, w.taken+n)
			return
		}
		w.taken += n
	}
}

// check says what is wrong with a state; idle tells that neither the loop nor a half has anything to do.
func (w *world) check(idle bool) string {
	f := &w.flow
	switch {
	case w.wrong != "":
		return w.wrong
	case f.IsCut() && !w.gone:
		return "cut, though the sink lives"
	case w.shut && !f.IsCut() && int(f.Moved()) != w.sent:
		return "the end was passed on before all bytes"
	case !idle:
		return ""
	case f.Held() && !w.blocked:
		return "the flow holds bytes, and nobody will write them"
	case f.Held() && w.taken == int(f.Moved()):
		return "the flow holds bytes that nothing keeps it from writing"
	case f.Held():
		return "" // waits for the sink's peer
	case w.src.Unread() > 0:
		return "bytes wait at the source, and nobody will read them"
	case w.sentEnd && !f.Ended():
		return "the source has ended, and nobody will see it"
	case w.sentEnd && w.reset != (w.failed == syscall.ECONNRESET):
		return "a reset was taken for an orderly end, or the other way round"
	case w.sentEnd && !w.shut:
		return "the stream has ended, and nobody will pass it on"
	case !f.IsCut() && int(f.Moved()) != w.sent:
		return fmt.Sprintf("%d bytes sent, %d delivered", w.sent, f.Moved())
	case f.buf != nil || f.pipe != nil:
		return "an idle flow holds a buffer or a pipe"
	}
	return ""
}
