package engine

import (
	"bytes"
	"errors"

	"tcpproxy/test/fault"
)

// account is what became of a stream, by the bytes that arrived.
type account struct {
	lost, repeated, reordered int64
	wrongAt                   int64 // the first wrong byte; -1 = none
}

const (
	// window is how much of what arrived is shown to the diagnosis at a time: as much as it looks at in one piece.
	window = 64 << 10
	// aligned is how many right bytes in a row say that the stream is in step again.
	aligned = 16
)

// audit compares what arrived with the stream of a seed, of which so many bytes were sent. The kit names the first wrong byte, and what
// went wrong there; this goes on behind it, for as many faults as there are. ended says that the peer was told that this is all: then
// what is missing at the end is lost. A stream that was reset only says that it is not complete.
func audit(seed uint64, got []byte, sent int64, ended bool) account {
	a := account{wrongAt: -1}
	at, place := 0, int64(0) // how far in what arrived, and which byte of the stream is due there
	for at < len(got) {
		s := streamAt(seed, place)
		err := s.Expect(bytes.NewReader(got[at:]), len(got)-at)
		var wrong fault.Wrong
		if !errors.As(err, &wrong) {
			place += int64(len(got) - at)
			break
		}
		at += int(wrong.At - place)
		place = wrong.At
		if a.wrongAt < 0 {
			a.wrongAt = wrong.At
		}
		// The diagnosis saw what was left of a piece, and deserves a whole one.
		rest := got[at:min(len(got), at+window)]
		if errors.As(streamAt(seed, place).Expect(bytes.NewReader(rest), len(rest)), &wrong) {
			was := at
			at, place = a.book(wrong, seed, got, at, place)
			if at == was && place == wrong.At { // it would never end
				break
			}
		}
	}
	if tooMany := place - sent; tooMany > 0 {
		a.repeated += tooMany
		if a.wrongAt < 0 {
			a.wrongAt = sent
		}
	} else if ended && tooMany < 0 {
		a.lost -= tooMany
		if a.wrongAt < 0 {
			a.wrongAt = place
		}
	}
	return a
}

// book counts one mistake, and says where the stream goes on.
func (a *account) book(wrong fault.Wrong, seed uint64, got []byte, at int, place int64) (int, int64) {
	n := int64(wrong.N)
	switch wrong.How {
	case fault.Lost:
		a.lost += n
		return at, place + n
	case fault.Repeated:
		a.repeated += n
		return at, place - n
	}
	// In another order, or changed: the bytes behind are in their place again.
	rest := got[at:]
	want := streamAt(seed, place).Next(len(rest))
	wide := len(rest)
	for i := range rest {
		if end := min(i+aligned, len(rest)); rest[i] == want[i] && bytes.Equal(rest[i:end], want[i:end]) {
			wide = i
			break
		}
	}
	if wrong.How == fault.Swapped {
		a.reordered += int64(wide)
	} else {
		a.lost += int64(wide) // others came in their place
	}
	return at + wide, place + int64(wide)
}

// streamAt is a stream at one of its bytes.
func streamAt(seed uint64, place int64) *fault.Stream {
	s := fault.NewStream(seed)
	for s.At() < place {
		s.Next(int(min(place-s.At(), 1<<20)))
	}
	return s
}
