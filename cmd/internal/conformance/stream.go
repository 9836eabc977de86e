package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
)

// stream is an endless sequence of bytes in which every position can be computed: the receiver needs no copy of what was sent,
// however much it was, and a byte that was lost, doubled, changed or taken from another stream shows at its exact position.
type stream uint64

// newStream derives a stream from the run's seed and a name, so that any two names give unrelated bytes.
func newStream(seed uint64, name string, number int) stream {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s/%d", seed, name, number)
	return stream(h.Sum64())
}

// word is the stream's n-th group of eight bytes: the output function of SplitMix64.
func (s stream) word(n int64) uint64 {
	z := uint64(s) + uint64(n+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// fill writes the bytes from position off into b.
func (s stream) fill(b []byte, off int64) {
	var word [8]byte
	if lead := int(off % 8); lead != 0 {
		binary.LittleEndian.PutUint64(word[:], s.word(off/8))
		n := copy(b, word[lead:])
		b, off = b[n:], off+int64(n)
	}
	n := off / 8
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, s.word(n))
		b, n = b[8:], n+1
	}
	if len(b) > 0 {
		binary.LittleEndian.PutUint64(word[:], s.word(n))
		copy(b, word[:])
	}
}

// check compares b with the bytes from position off, using scratch (at least as long as b) as working space.
// It returns the index of the first difference, or -1.
func (s stream) check(b, scratch []byte, off int64) int {
	want := scratch[:len(b)]
	s.fill(want, off)
	if bytes.Equal(b, want) {
		return -1
	}
	for i := range b {
		if b[i] != want[i] {
			return i
		}
	}
	return -1
}

const (
	// searched is how far around a wrong byte the place is looked for that it belongs to, and certain how many bytes in a row are no
	// coincidence.
	searched = 4 << 20
	certain  = 8
)

// diagnose says what is wrong with a stream of which b came instead of the bytes from position off on. b begins with a wrong byte.
func (s stream) diagnose(b []byte, off int64) string {
	var want [1]byte
	s.fill(want[:], off)
	said := fmt.Sprintf("byte %d is %#02x instead of %#02x", off, b[0], want[0])
	if len(b) < certain {
		return said
	}
	begin := max(0, off-searched)
	around := make([]byte, int(off-begin)+searched)
	s.fill(around, begin)
	at := int(off - begin)
	// A shift of the whole rest, and not a few bytes that are others: then what comes after the wrong byte is found elsewhere.
	if n := bytes.Index(around[at:], b[:certain]); n > 0 {
		return fmt.Sprintf("%s: %d bytes are missing there", said, n)
	}
	if n := bytes.LastIndex(around[:min(at+certain-1, len(around))], b[:certain]); n >= 0 && n < at {
		return fmt.Sprintf("%s: the last %d bytes before it came again", said, at-n)
	}
	return said
}
