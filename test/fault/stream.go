package fault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"syscall"
)

// Stream is an endless sequence of bytes that follows from a seed, and a place in it. Whoever sends has one, whoever receives has another
// of the same seed, over any net.Conn; so a byte that is lost, repeated or swapped is found where it happened:
//
//	out := fault.NewStream(1)                         in := fault.NewStream(1)
//	sent := out.Send(client, 1<<20)                   got := in.Expect(server, 1<<20)
//	ended := client.CloseWrite()                      end := in.ExpectEnd(server)
//	fmt.Println(fault.Verdict(sent, ended))           fmt.Println(fault.Verdict(got, end))
//
// A Stream belongs to one goroutine, and to one direction. Its methods block as the connection does: set a deadline on that.
type Stream struct {
	seed  uint64
	bytes *rand.ChaCha8
	at    int64
	want  []byte
	got   []byte
}

// NewStream makes the stream of a seed, at its first byte.
func NewStream(seed uint64) *Stream { return &Stream{seed: seed, bytes: sequence(seed)} }

func sequence(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(key)
}

// At is how many bytes of the stream have been made or checked so far.
func (s *Stream) At() int64 { return s.at }

// Next makes the next n bytes. They are the caller's until the next call of any method.
func (s *Stream) Next(n int) []byte {
	s.want = slices.Grow(s.want[:0], n)[:n]
	_, _ = s.bytes.Read(s.want)
	s.at += int64(n)
	return s.want
}

// Send sends the next n bytes in one call of Write.
func (s *Stream) Send(to io.Writer, n int) error {
	_, err := to.Write(s.Next(n))
	return err
}

// chunk is how many bytes are read at a time.
const chunk = 64 << 10

// Expect reads n bytes and compares them with those that are next. The error is a [Wrong] if they are others, wraps io.ErrUnexpectedEOF if
// the stream ended in order before the last of them, and is else that of Read. After an error the Stream is of no more use.
func (s *Stream) Expect(from io.Reader, n int) error {
	if s.got == nil {
		s.got = make([]byte, chunk)
	}
	for n > 0 {
		m, err := from.Read(s.got[:min(n, chunk)])
		begin := s.at
		want := s.Next(m)
		for i := range m {
			if s.got[i] != want[i] {
				return s.diagnose(begin+int64(i), s.got[i:m])
			}
		}
		n -= m
		if n > 0 && err != nil {
			if err == io.EOF {
				return fmt.Errorf("the stream ended in order after %d bytes, %d too early: %w", s.at, n, io.ErrUnexpectedEOF)
			}
			return err
		}
	}
	return nil
}

// ExpectEnd expects the end of the stream, in order. The error is a [Wrong] if there are more bytes, and else that of Read.
func (s *Stream) ExpectEnd(from io.Reader) error {
	var b [1]byte
	n, err := from.Read(b[:])
	switch {
	case n > 0:
		return Wrong{At: s.at, How: TooMany}
	case err == io.EOF:
		return nil
	}
	return err
}

// What went wrong with a stream.
const (
	Lost     = "lost"     // bytes are missing; those after them came instead
	Repeated = "repeated" // bytes that had come already came again
	Swapped  = "swapped"  // the right bytes came in another order
	TooMany  = "too many" // bytes came after the last one
	Changed  = "changed"  // none of these, as far as the bytes that came with it tell
)

// Wrong is the error for a stream that is not what was sent: the one thing that no fault may ever cause.
type Wrong struct {
	At  int64  // the first wrong byte, from 0
	How string // Lost, Repeated, Swapped, TooMany or Changed
	N   int    // how many bytes were lost or repeated; else 0
}

// Error says at which byte it went wrong, and how.
func (w Wrong) Error() string {
	switch w.How {
	case Lost:
		return fmt.Sprintf("byte %d is wrong: %d lost", w.At, w.N)
	case Repeated:
		return fmt.Sprintf("byte %d is wrong: %d repeated", w.At, w.N)
	case Swapped:
		return fmt.Sprintf("byte %d is wrong: the right ones came in another order", w.At)
	case TooMany:
		return fmt.Sprintf("more than the %d bytes that were sent", w.At)
	}
	return fmt.Sprintf("byte %d is wrong: changed", w.At)
}

const (
	// searched is how far around the wrong byte its like is looked for.
	searched = 1 << 20
	// certain is how many bytes in a row are no coincidence.
	certain = 8
)

// diagnose says what happened to a stream of which got came instead of the bytes from at on. It looks only at what has come already: to
// read on might wait for ever.
func (s *Stream) diagnose(at int64, got []byte) error {
	begin := max(0, at-searched)
	right := make([]byte, int(at-begin)+searched+len(got))
	fresh := sequence(s.seed)
	for left := begin; left > 0; { // this takes a second for each gigabyte
		skipped := right[:min(left, int64(len(right)))]
		_, _ = fresh.Read(skipped)
		left -= int64(len(skipped))
	}
	_, _ = fresh.Read(right)
	before, after := right[:at-begin], right[at-begin:]

	// If it only takes a few other bytes to make it right, then nothing is shifted.
	first, last, different := 0, 0, 0
	for i := range got {
		if got[i] != after[i] {
			last, different = i, different+1
		}
	}
	if different <= len(got)/2 || len(got) < certain {
		was, is := slices.Clone(after[first:last+1]), slices.Clone(got[first:last+1])
		slices.Sort(was)
		if slices.Sort(is); different > 1 && bytes.Equal(was, is) {
			return Wrong{At: at, How: Swapped}
		}
		return Wrong{At: at, How: Changed}
	}
	key := got[:certain]
	if n := bytes.Index(after, key); n > 0 {
		if bytes.Contains(got, after[:certain]) {
			return Wrong{At: at, How: Swapped} // the missing ones come later
		}
		return Wrong{At: at, How: Lost, N: n}
	}
	// The repetition may overlap the wrong byte: bytes that came twice are followed by those that are due.
	if n := bytes.LastIndex(right[:len(before)+certain-1], key); n >= 0 && n < len(before) {
		return Wrong{At: at, How: Repeated, N: len(before) - n}
	}
	return Wrong{At: at, How: Changed}
}

// What a peer saw of a connection that was as it should be.
const (
	Intact = "intact" // all bytes, and the end of the stream
	Cut    = "reset"  // a part of the bytes, in order, and then a reset
)

// Verdict is what a peer saw, from the errors of all its calls: [Intact], [Cut], or else what is wrong in words. A [Wrong] comes before
// everything; and a reset before the rest, since it is told by one call only, and the others fail as a consequence.
func Verdict(errs ...error) string {
	said := Intact
	for _, err := range errs {
		var wrong Wrong
		switch {
		case errors.As(err, &wrong):
			return err.Error()
		case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ENOTCONN):
			said = Cut
		case err != nil && said == Intact:
			said = err.Error()
		}
	}
	return said
}
