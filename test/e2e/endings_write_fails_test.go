//go:build linux

package e2e

import (
	"net"
	"testing"
	"time"
)

// A server may answer before it has read the whole request, as one does that refuses an upload, and close. Its system then resets,
// and writing to it fails; the answer, which came before, must reach the client in full all the same. The same holds the other way
// round: a client that uploads and leaves in the middle of a download.
func TestWhatCameBeforeAFailedWriteIsDelivered(t *testing.T) {
	t.Parallel()
	upload := noise(64 << 20)
	for _, test := range []struct {
		name   string
		answer int
		small  bool          // the uploading side has little room for the answer, and the rest must wait in the proxy
		pause  time.Duration // before the uploading side looks at the answer
	}{
		{"short answer", 100, false, 0},
		{"long answer", 1_500_000, false, 0},
		{"short answer, read late", 100, false, 700 * time.Millisecond},
		{"long answer, read late", 100_000, true, 700 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			open := fresh()
			if test.small {
				open = freshSmall()
			}
			eitherWay(t, open, func(t *testing.T, p *proxy, near, far *net.TCPConn) {
				uploading := make(chan struct{})
				go func() {
					defer close(uploading)
					_, _ = near.Write(upload)
				}()
				expect(t, far, upload[:10_000])
				answer := noise(test.answer)
				send(t, far, answer)
				delivered(t, far)
				_ = far.Close() // a RST, since there is more to read

				time.Sleep(test.pause) // the uploading side has something else to do
				expect(t, near, answer)
				// The upload may be the one that is told of the RST, and reading then finds an end of stream; but without a
				// FIN of its own a connection is only closed by a RST.
				eventually(t, patience, "RST at the uploading side", func() bool { return state(near) == closed })
				<-uploading
				p.restsAt(t, 1)
			})
		})
	}
}

// The answer survives as well if the one who uploads does not stop before it has read the answer to its end, and if the server
// shuts its side down in good order first.
func TestAnswerAndOrderlyCloseDuringUpload(t *testing.T) {
	t.Parallel()
	upload, answer := noise(64<<20), noise(300_000)
	eitherWay(t, fresh(), func(t *testing.T, p *proxy, near, far *net.TCPConn) {
		uploading := make(chan struct{})
		go func() {
			defer close(uploading)
			_, _ = near.Write(upload)
		}()
		expect(t, far, upload[:10_000])
		send(t, far, answer)
		closeWrite(t, far)
		expect(t, near, answer)
		expectEnd(t, near)
		reset(far)
		<-uploading
		p.restsAt(t, 1)
	})
}
