package fault_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/iotest"

	"tcpproxy/test/fault"
)

// TestStreamTellsWhatWentWrong spoils a stream in every way, at several places, and reads it in pieces of several sizes.
func TestStreamTellsWhatWentWrong(t *testing.T) {
	const size = 200 << 10
	for _, at := range []int{0, 1, 1000, 64<<10 - 1, 64 << 10, 100_000} {
		for _, row := range []struct {
			name  string
			spoil func(b []byte) []byte
			want  fault.Wrong
		}{
			{"a byte lost", func(b []byte) []byte { return slices.Delete(b, at, at+1) },
				fault.Wrong{At: int64(at), How: fault.Lost, N: 1}},
			{"a block lost", func(b []byte) []byte { return slices.Delete(b, at, at+5000) },
				fault.Wrong{At: int64(at), How: fault.Lost, N: 5000}},
			{"a block repeated", func(b []byte) []byte { return slices.Insert(b, at+900, slices.Clone(b[at:at+900])...) },
				fault.Wrong{At: int64(at) + 900, How: fault.Repeated, N: 900}},
			{"a byte repeated", func(b []byte) []byte { return slices.Insert(b, at+1, b[at]) },
				fault.Wrong{At: int64(at) + 1, How: fault.Repeated, N: 1}},
			{"two bytes swapped", func(b []byte) []byte { b[at], b[at+40] = b[at+40], b[at]; return b },
				fault.Wrong{At: int64(at), How: fault.Swapped}},
			{"two blocks swapped", func(b []byte) []byte {
				return slices.Concat(b[:at], b[at+300:at+600], b[at:at+300], b[at+600:])
			}, fault.Wrong{At: int64(at), How: fault.Swapped}},
			{"two large blocks swapped", func(b []byte) []byte {
				return slices.Concat(b[:at], b[at+30_000:at+60_000], b[at:at+30_000], b[at+60_000:])
			}, fault.Wrong{At: int64(at), How: fault.Swapped}},
			{"a byte changed", func(b []byte) []byte { b[at] ^= 1; return b }, fault.Wrong{At: int64(at), How: fault.Changed}},
		} {
			sent := row.spoil(bytes.Clone(fault.NewStream(7).Next(size)))
			err := fault.NewStream(7).Expect(bytes.NewReader(sent), size)
			var got fault.Wrong
			if !errors.As(err, &got) || got.At != row.want.At {
				t.Errorf("%s at %d: %v, want %v", row.name, at, err, row.want)
				continue
			}
			// Where a piece ends soon after the wrong byte there is not enough to tell what it is; but near its beginning there is.
			if enough := at+1000 < 64<<10 || at >= 64<<10; enough && got != row.want {
				t.Errorf("%s at %d: %v, want %v", row.name, at, got, row.want)
			}
			if s := fault.NewStream(7); fault.Verdict(s.Expect(iotest.OneByteReader(bytes.NewReader(sent)), size)) == fault.Intact {
				t.Errorf("%s at %d, byte by byte: nobody noticed", row.name, at)
			}
		}
	}
}

func TestStreamIsItsOwnLike(t *testing.T) {
	out, in := fault.NewStream(3), fault.NewStream(3)
	var wire bytes.Buffer
	for _, n := range []int{1, 7, 8, 0, 100_000, 3} {
		if err := out.Send(&wire, n); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{50_000, 50_019} {
		if err := in.Expect(iotest.HalfReader(&wire), n); err != nil {
			t.Fatal(err)
		}
	}
	if in.At() != out.At() {
		t.Errorf("%d bytes sent, %d checked", out.At(), in.At())
	}
	if got := fault.Verdict(in.ExpectEnd(&wire)); got != fault.Intact {
		t.Error(got)
	}
	if err := fault.NewStream(4).Expect(bytes.NewReader(fault.NewStream(3).Next(8)), 8); err == nil {
		t.Error("another seed has the same bytes")
	}
}

func TestStreamTellsHowItEnded(t *testing.T) {
	of := func(n int) io.Reader { return bytes.NewReader(fault.NewStream(1).Next(n)) }
	early := fault.NewStream(1).Expect(of(10), 15)
	if want := "the stream ended in order after 10 bytes, 5 too early: unexpected EOF"; early == nil || early.Error() != want {
		t.Errorf("%v, want %s", early, want)
	}
	long, all := fault.NewStream(1), of(11)
	if err := long.Expect(all, 10); err != nil {
		t.Fatal(err)
	}
	if got, want := long.ExpectEnd(all), (fault.Wrong{At: 10, How: fault.TooMany}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	for _, row := range []struct {
		errs []error
		want string
	}{
		{nil, fault.Intact},
		{[]error{nil, nil}, fault.Intact},
		{[]error{early, &net.OpError{Err: syscall.ECONNRESET}}, fault.Cut},
		{[]error{syscall.EPIPE, io.ErrClosedPipe}, fault.Cut},
		{[]error{io.ErrClosedPipe, nil, net.ErrClosed}, io.ErrClosedPipe.Error()},
		{[]error{syscall.ECONNRESET, fault.Wrong{At: 1, How: fault.Changed}}, "byte 1 is wrong: changed"},
	} {
		if got := fault.Verdict(row.errs...); got != row.want {
			t.Errorf("%s: %s, want %s", fmt.Sprint(row.errs), got, row.want)
		}
	}
}
