package conformance

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// However a stream is cut into pieces, the bytes are those of the whole; and a byte that is wrong is found where it is.
func TestStreamPieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := stream(rapid.Uint64().Draw(t, "stream"))
		start := rapid.Int64Range(0, 1<<40).Draw(t, "start")
		whole := make([]byte, rapid.IntRange(1, 300).Draw(t, "length"))
		s.fill(whole, start)
		var pieces []byte
		for len(pieces) < len(whole) {
			piece := make([]byte, rapid.IntRange(1, len(whole)-len(pieces)).Draw(t, "piece"))
			s.fill(piece, start+int64(len(pieces)))
			pieces = append(pieces, piece...)
		}
		if !bytes.Equal(whole, pieces) {
			t.Fatalf("whole %x, in pieces %x", whole, pieces)
		}
		scratch := make([]byte, len(whole))
		if i := s.check(whole, scratch, start); i != -1 {
			t.Fatalf("byte %d is said to be wrong and is not", i)
		}
		wrong := rapid.IntRange(0, len(whole)-1).Draw(t, "wrong")
		whole[wrong] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if i := s.check(whole, scratch, start); i != wrong {
			t.Fatalf("byte %d is wrong, found %d", wrong, i)
		}
	})
}

// The same seed gives the same bytes, anything else gives others.
func TestStreamOfSeed(t *testing.T) {
	t.Parallel()
	same := newStream(1, "case", 2)
	if newStream(1, "case", 2) != same {
		t.Error("the same seed, case and number give different streams")
	}
	for _, other := range []stream{newStream(2, "case", 2), newStream(1, "other", 2), newStream(1, "case", 3)} {
		if other == same {
			t.Error("a different seed, case or number gives the same stream")
		}
	}
}

// What is told of a wrong byte is where it is, and how many are missing there or came again.
func TestStreamDiagnosis(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := stream(rapid.Uint64().Draw(t, "stream"))
		off := rapid.Int64Range(searched, 1<<40).Draw(t, "off")
		shift := rapid.Int64Range(1, searched-chunk).Draw(t, "shift")
		b := make([]byte, rapid.IntRange(certain, chunk).Draw(t, "length"))
		place := fmt.Sprintf("byte %d is ", off)
		s.fill(b, off+shift)
		if said := s.diagnose(b, off); !strings.HasPrefix(said, place) ||
			!strings.HasSuffix(said, fmt.Sprintf(": %d bytes are missing there", shift)) {
			t.Fatalf("%d bytes lost: %s", shift, said)
		}
		s.fill(b, off-shift)
		if said := s.diagnose(b, off); !strings.HasPrefix(said, place) ||
			!strings.HasSuffix(said, fmt.Sprintf(": the last %d bytes before it came again", shift)) {
			t.Fatalf("%d bytes repeated: %s", shift, said)
		}
		s.fill(b, off)
		b[0] ^= 1
		if said := s.diagnose(b, off); !strings.HasPrefix(said, place) || strings.Contains(said, "bytes") {
			t.Fatalf("a byte changed: %s", said)
		}
	})
}
