package survival

import (
	"hash/crc32"
	"net/netip"
	"strconv"
	"sync/atomic"
	"unsafe"
)

// Record is what is kept of one connection, beside its two flows (wire.Note). It is written by its loop's goroutine.
//
// It has two parts that are written once and summed, and words that change while it lives, each by a single store. The order of the stores
// is what makes it true at any instant: a part is complete before the mark that says so is set. See doc.go.
type Record struct {
	// The client's part, valid with MarkLive.
	ID       uint64
	Opened   int64 // nanoseconds since Header.Began
	client   address
	ClientFD int32
	sum      uint32

	// The server's part, valid with MarkConnected.
	server    address
	ServerFD  int32
	serverSum uint32

	marks atomic.Uint64 // see Mark; the upper half is a check of the lower

	Moved  [2]atomic.Int64  // by direction: when bytes last moved, since Began
	taken  [2]atomic.Uint64 // by direction; see Took
	Failed [2]atomic.Uint32 // by side: the error that it was reset with; 0 = it was not
}

// Marks say how far a connection has come. They are bits, but for the cause.
type Marks uint32

const (
	// MarkLive: the record is in use, and the client's part is complete.
	MarkLive Marks = 1 << iota
	// MarkConnected: the server's part is complete; bytes may have moved.
	MarkConnected
	// MarkCutUp: the server takes nothing any more; what the client still sends is dropped.
	MarkCutUp
	// MarkCutDown: the same with the sides swapped.
	MarkCutDown
	// MarkShutUp: the client's stream has ended and all of it is delivered; the FIN to the server is about to be sent, or has been.
	MarkShutUp
	// MarkShutDown: the same with the sides swapped.
	MarkShutDown
	// MarkDelivering: the session delivers what is left, since a side was reset.
	MarkDelivering
	// MarkLingering: the session lingers, since a side takes no more.
	MarkLingering
	// MarkTold: that the session closed has been published.
	MarkTold
)

// causeShift is where the cause of the ending stands among the marks: 8 bits. 0 = it has not been ended.
const causeShift = 24

// address is a netip.AddrPort without pointers.
type address struct {
	ip   [16]byte
	zone uint32
	port uint16
	kind uint16 // 0 none, 4, 6
}

func pack(a netip.AddrPort) (p address) {
	ip := a.Addr()
	switch {
	case ip.Is4():
		p.kind = 4
	case ip.IsValid():
		p.kind = 6
		if n, err := strconv.ParseUint(ip.Zone(), 10, 32); err == nil {
			p.zone = uint32(n)
		}
	default:
		return p
	}
	p.ip, p.port = ip.As16(), a.Port()
	return p
}

func (p *address) addrPort() netip.AddrPort {
	ip := netip.AddrFrom16(p.ip)
	switch p.kind {
	case 4:
		ip = ip.Unmap()
	case 6:
		if p.zone != 0 {
			ip = ip.WithZone(strconv.FormatUint(uint64(p.zone), 10))
		}
	default:
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, p.port)
}

// Open begins the record of a client that has been accepted. From this instant on the client has an owner.
func (r *Record) Open(id uint64, fd int, client netip.AddrPort, opened int64) {
	r.marks.Store(0)
	r.ID, r.ClientFD, r.client, r.Opened = id, int32(fd), pack(client), opened
	r.sum = r.clientSum()
	for d := range r.Failed {
		r.Failed[d].Store(0)
		r.Moved[d].Store(0)
		r.taken[d].Store(0)
	}
	r.set(MarkLive)
}

// Connect adds the server's part.
func (r *Record) Connect(fd int, server netip.AddrPort, now int64) {
	r.ServerFD, r.server = int32(fd), pack(server)
	r.serverSum = r.connectedSum()
	for d := range r.Moved {
		r.Moved[d].Store(now)
	}
	r.Mark(MarkConnected)
}

// Took notes when the peer at the end of a direction was last seen to take some, or when bytes began to wait for it, and how many it had
// taken then: nobody looks often, so more of them may show that it has taken some since. Of the time a microsecond may get lost, and of
// the number only a print is kept: so both fit into one word, which is whole at any instant.
func (r *Record) Took(direction int, at, taken int64) {
	word := uint64(0)
	if at > 0 {
		word = uint64(at>>timeUnit)<<printBits | printOf(taken)
	}
	r.taken[direction].Store(word)
}

// LastTook is when Took says that was, if it was told the same number; else it is false.
func (r *Record) LastTook(direction int, taken int64) (at int64, same bool) {
	word := r.taken[direction].Load()
	return int64(word>>printBits) << timeUnit, word != 0 && word&(1<<printBits-1) == printOf(taken)
}

const (
	printBits = 16
	timeUnit  = 10 // 2^10 ns
)

// printOf differs for numbers that are apart by a round number, too, as those of bytes often are.
func printOf(n int64) uint64 { return uint64(n) * 0x9e3779b97f4a7c15 >> (64 - printBits) }

// Close ends the record: nothing names the connection's descriptors any more.
func (r *Record) Close() { r.marks.Store(0) }

// Mark sets marks.
func (r *Record) Mark(m Marks) { r.set(r.low() | m) }

// End notes why the connection is about to be closed.
func (r *Record) End(cause uint8) { r.set(r.low()&(1<<causeShift-1) | Marks(cause)<<causeShift) }

// Marks are the marks, 0 if the record is not in use.
func (r *Record) Marks() Marks { return r.low() & (1<<causeShift - 1) }

// Cause is what End noted; 0 if nothing.
func (r *Record) Cause() uint8 { return uint8(r.low() >> causeShift) }

// Client and Server are the peers.
func (r *Record) Client() netip.AddrPort { return r.client.addrPort() }

// Server is the destination's address that the connection was made to.
func (r *Record) Server() netip.AddrPort { return r.server.addrPort() }

// Check reports whether a record in use is whole: it was written by a program of this layout, and nothing else has written to it.
func (r *Record) Check() bool {
	all := r.marks.Load()
	m := Marks(all)
	if uint32(all>>32) != ^uint32(m) || m&MarkLive == 0 || r.sum != r.clientSum() || r.ClientFD < 0 {
		return false
	}
	return m&MarkConnected == 0 || r.serverSum == r.connectedSum() && r.ServerFD >= 0
}

func (r *Record) low() Marks { return Marks(r.marks.Load()) }

func (r *Record) set(m Marks) { r.marks.Store(uint64(^uint32(m))<<32 | uint64(m)) }

// Unused reports whether the record is free.
func (r *Record) Unused() bool { return r.marks.Load() == 0 }

func (r *Record) clientSum() uint32 {
	return r.sumOf(0, unsafe.Offsetof(r.sum), 1)
}

func (r *Record) connectedSum() uint32 {
	return r.sumOf(unsafe.Offsetof(r.server), unsafe.Offsetof(r.serverSum), r.sum)
}

// sumOf sums a part of the record, on top of a seed: neither a record of zeros nor a part of another record is valid.
func (r *Record) sumOf(from, to uintptr, seed uint32) uint32 {
	part := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(r), from)), to-from)
	return crc32.Update(seed^Layout<<16, castagnoli, part)
}
