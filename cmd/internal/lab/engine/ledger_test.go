package engine

import (
	"slices"
	"testing"
)

const size = 300_000

// stream is the beginning of a stream.
func stream(seed uint64) []byte { return slices.Clone(streamAt(seed, 0).Next(size)) }

// TestLedger: whatever was done to a stream is found where it was done, and sized right.
func TestLedger(t *testing.T) {
	cut := func(b []byte, at, n int) []byte { return slices.Delete(b, at, at+n) }
	again := func(b []byte, at, n int) []byte { return slices.Insert(b, at, slices.Clone(b[at-n:at])...) }
	swap := func(b []byte, at, n int) []byte {
		first := slices.Clone(b[at : at+n])
		copy(b[at:], b[at+n:at+2*n])
		copy(b[at+n:], first)
		return b
	}
	for _, row := range []struct {
		name  string
		spoil func([]byte) []byte
		ended bool
		want  account
	}{
		{"nothing", func(b []byte) []byte { return b }, true, account{wrongAt: -1}},
		{"one byte lost", func(b []byte) []byte { return cut(b, 1234, 1) }, true, account{lost: 1, wrongAt: 1234}},
		{"the first byte lost", func(b []byte) []byte { return cut(b, 0, 1) }, true, account{lost: 1, wrongAt: 0}},
		{"one lost where a piece ends", func(b []byte) []byte { return cut(b, window-1, 1) }, true, account{lost: 1, wrongAt: window - 1}},
		{"a chunk lost", func(b []byte) []byte { return cut(b, 70_000, 16384) }, true, account{lost: 16384, wrongAt: 70_000}},
		{"two lost in two places", func(b []byte) []byte { return cut(cut(b, 200_000, 1), 100, 1) }, true, account{lost: 2, wrongAt: 100}},
		{"one byte repeated", func(b []byte) []byte { return again(b, 999, 1) }, true, account{repeated: 1, wrongAt: 999}},
		{"a chunk repeated", func(b []byte) []byte { return again(b, 100_000, 5000) }, true, account{repeated: 5000, wrongAt: 100_000}},
		{"two bytes swapped", func(b []byte) []byte { return swap(b, 5000, 1) }, true, account{reordered: 2, wrongAt: 5000}},
		{"two chunks swapped", func(b []byte) []byte { return swap(b, 5000, 4096) }, true, account{reordered: 8192, wrongAt: 5000}},
		{"lost, then repeated", func(b []byte) []byte { return cut(again(b, 150_000, 7), 40, 3) }, true,
			account{lost: 3, repeated: 7, wrongAt: 40}},
		{"the end lost, and nobody told", func(b []byte) []byte { return b[:size-10] }, true, account{lost: 10, wrongAt: size - 10}},
		{"the end lost to a reset", func(b []byte) []byte { return b[:size-10] }, false, account{wrongAt: -1}},
	} {
		if got := audit(7, row.spoil(stream(7)), size, row.ended); got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}
