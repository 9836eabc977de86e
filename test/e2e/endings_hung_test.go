//go:build linux

package e2e

import (
	"bytes"
	"net"
	"testing"
	"time"
)

// Without any flag, a session whose one side takes nothing for 10 seconds is reset on both sides.
func TestHungSideEndsSessionAfterTenSeconds(t *testing.T) {
	t.Parallel()
	data := noise(64 << 20)
	eitherWay(t, freshSmall(), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		_, stalled := flood(t, near, far, data)
		stalled.endedAfter(t, 10*time.Second, "RST at the side that sends", whenIn(t, near, closed, 12*time.Second))
		stalled.endedAfter(t, 10*time.Second, "RST at the side that does not read", whenIn(t, far, closed, 12*time.Second))
		p.restsAt(t, 1)
		p.logged(t, 1, "level=WARN", "cause=hung")
	})
}

// The other direction may be as lively as it likes: it does not make up for the one that hangs.
func TestHungSideEndsSessionWhileOtherDirectionFlows(t *testing.T) {
	t.Parallel()
	data := noise(64 << 20)
	eitherWay(t, freshSmall(), func(t *testing.T, _ *proxy, near, far *net.TCPConn) {
		_, stalled := flood(t, near, far, data)
		over := make(chan struct{})
		go func() {
			defer close(over)
			byteOnly := make([]byte, 1)
			for {
				if _, err := far.Write([]byte(".")); err != nil {
					return
				}
				if _, err := near.Read(byteOnly); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond) // the pace of the other direction
			}
		}()
		stalled.endedAfter(t, 10*time.Second, "RST at the side that sends", whenIn(t, near, closed, 12*time.Second))
		stalled.endedAfter(t, 10*time.Second, "RST at the side that does not read", whenIn(t, far, closed, 12*time.Second))
		<-over
	})
}

func TestHangTimeoutZeroIsNever(t *testing.T) {
	t.Parallel()
	data := noise(64 << 20)
	eitherWay(t, freshSmall("--hang-timeout", "0", "--idle-timeout", "0"), func(t *testing.T, _ *proxy, near, far *net.TCPConn) {
		taken, _ := flood(t, near, far, data)
		steadily(t, 3*time.Second, "the stalled session lives", func() bool { return state(near) == established && state(far) == established })
		expect(t, far, data[:taken])
	})
}

// A stall that ends in time costs nothing but time.
func TestStallAndResumeLosesNothing(t *testing.T) {
	t.Parallel()
	data := noise(64 << 20)
	eitherWay(t, freshSmall("--hang-timeout", "4s", "--idle-timeout", "4s"), func(t *testing.T, _ *proxy, near, far *net.TCPConn) {
		taken, stalled := flood(t, near, far, data)
		steadily(t, time.Until(stalled.farLast.Add(2*time.Second)), "the stalled session lives", func() bool {
			return state(near) == established
		})
		go func() {
			_, _ = near.Write(data[taken:])
			_ = near.CloseWrite()
		}()
		expect(t, far, data)
		expectEnd(t, far)
	})
}

// A side that reads a little at a time leaves its socket unwritable for far longer than the timeout, while it empties a large send
// buffer. It is slow, not hung.
func TestSteadySlowReaderIsNotCut(t *testing.T) {
	t.Parallel()
	data := noise(64 << 20)
	const pause, sip, sips = 300 * time.Millisecond, smallBuffer, 20
	eitherWay(t, freshSmall("--hang-timeout", "2s", "--idle-timeout", "2s"), func(t *testing.T, _ *proxy, near, far *net.TCPConn) {
		taken, _ := flood(t, near, far, data)
		if held := taken - smallBuffer*2; held < 2*sip*sips {
			t.Fatalf("only %d bytes are buffered on the way: too few for this test", held)
		}
		got := make([]byte, 0, taken)
		for range sips {
			time.Sleep(pause) // the pace of the reader
			sipped := make([]byte, sip)
			expectAny(t, far, sipped)
			got = append(got, sipped...)
		}
		rest := make([]byte, taken-len(got))
		expectAny(t, far, rest)
		if !bytes.Equal(append(got, rest...), data[:taken]) {
			t.Errorf("the %d bytes read differ from those sent", taken)
		}
	})
}
