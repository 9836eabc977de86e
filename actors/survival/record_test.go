package survival

import (
	"bytes"
	"net/netip"
	"testing"
	"unsafe"
)

// bytesOf is a record as it lies in memory.
func bytesOf(r *Record) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r)) }

func opened() *Record {
	r := new(Record)
	r.Open(7, 12, netip.MustParseAddrPort("192.0.2.1:4711"), 42)
	return r
}

func TestRecordKeepsAddresses(t *testing.T) {
	for _, text := range []string{"192.0.2.1:4711", "[2001:db8::1]:80", "[fe80::1%3]:443", "[::ffff:192.0.2.1]:9"} {
		r := new(Record)
		addr := netip.MustParseAddrPort(text)
		r.Open(1, 3, addr, 0)
		r.Connect(4, addr, 0)
		if r.Client() != addr || r.Server() != addr {
			t.Errorf("%v is kept as %v and %v", addr, r.Client(), r.Server())
		}
	}
	if r := new(Record); r.Client().IsValid() {
		t.Errorf("an unused record has the client %v", r.Client())
	}
}

func TestRecordFitsTwoCacheLines(t *testing.T) {
	if size := unsafe.Sizeof(Record{}); size != 128 {
		t.Errorf("a record takes %d bytes, not 128: that is what an idle session costs, beside 32 for its notes", size)
	}
}

func TestMarksAndCauseStandBesideEachOther(t *testing.T) {
	r := opened()
	r.Mark(MarkCutDown)
	r.End(9)
	r.Mark(MarkTold)
	if got, want := r.Marks(), MarkLive|MarkCutDown|MarkTold; got != want || r.Cause() != 9 || !r.Check() {
		t.Errorf("marks %b, want %b; cause %d, want 9; whole: %v", got, want, r.Cause(), r.Check())
	}
	r.Close()
	if !r.Unused() || r.Check() {
		t.Error("a record that was closed is still in use")
	}
}

// TestEveryFlippedBitIsSeen damages each bit of what is summed, and of the marks.
func TestEveryFlippedBitIsSeen(t *testing.T) {
	r := opened()
	r.Connect(13, netip.MustParseAddrPort("[2001:db8::2]:80"), 43)
	if !r.Check() {
		t.Fatal("a record that nobody has damaged is not whole")
	}
	summed := int(unsafe.Offsetof(r.marks)) + 8
	for bit := range summed * 8 {
		b := bytesOf(r)
		b[bit/8] ^= 1 << (bit % 8)
		if r.Check() && !padding(bit/8) {
			t.Errorf("nobody sees that bit %d of byte %d has changed", bit%8, bit/8)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
}

// padding reports whether a byte before the marks belongs to nothing.
func padding(at int) bool {
	end := int(unsafe.Offsetof(Record{}.serverSum)) + 4
	return at >= end && at < int(unsafe.Offsetof(Record{}.marks))
}

// FuzzRecord: whatever lies where a record should be, nobody panics, and it is not taken for a record unless it is one.
func FuzzRecord(f *testing.F) {
	f.Add(bytesOf(new(Record)))
	f.Add(bytesOf(opened()))
	f.Add(bytes.Repeat([]byte{0xff}, int(unsafe.Sizeof(Record{}))))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := new(Record)
		copy(bytesOf(r), data)
		whole := r.Check()
		_, _, _, _ = r.Client(), r.Server(), r.Marks(), r.Cause()
		if !whole {
			return
		}
		again := new(Record)
		again.Open(r.ID, int(r.ClientFD), r.Client(), r.Opened)
		if again.sum != r.sum {
			t.Errorf("a record that is whole has the sum %#x; written anew it has %#x", r.sum, again.sum)
		}
	})
}

func TestTook(t *testing.T) {
	r := opened()
	if _, same := r.LastTook(0, 0); same {
		t.Error("a new record knows what was taken")
	}
	const at = 123_456_789_000_000
	r.Took(1, at, 1<<20)
	if got, same := r.LastTook(1, 1<<20); !same || got > at || got < at-1100 {
		t.Errorf("noted for %d: %d, %v", at, got, same)
	}
	for _, other := range []int64{0, 1<<20 + 1, 2 << 20, 1<<20 + 1<<16, 1<<20 + 1<<32} {
		if _, same := r.LastTook(1, other); same {
			t.Errorf("%d is taken for %d", other, 1<<20)
		}
	}
	if _, same := r.LastTook(0, 1<<20); same {
		t.Error("one direction is taken for the other")
	}
}
