package memory

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"tcpproxy/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The pace must let a heap of any size grow by the slack and a quarter of what lives, by either of the runtime's two rules.
func TestPace(t *testing.T) {
	for _, live := range []uint64{1 << 20, 2 << 20, 4 << 20, 16 << 20, 64 << 20, 1 << 30} {
		percent := uint64(percentFor(live))
		goal := max(live+live*percent/100, 4<<20*percent/100)
		want := live + slack + live/4
		if goal < want*9/10 || goal > want*11/10 {
			t.Errorf("with %d MB live the next collection is at %d MB, want about %d", live>>20, goal>>20, want>>20)
		}
	}
}

// What a burst leaves behind is given back when it is over, without anybody asking.
func TestGivesBackWhenQuiet(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // nothing but the keeper collects
	k := &Keeper{}
	var clock atomic.Int64
	k.now = clock.Load
	keep := make([][]byte, 64)
	for i := range keep {
		keep[i] = make([]byte, 1<<20)
	}
	runtime.KeepAlive(keep)
	before := garbage()
	k.armed.Store(true) // the test plays the timer
	k.Observe(messages.SessionClosed{})
	clock.Store(int64(quiet))
	k.look()
	if after := garbage(); before < 64<<20 || after > before/4 {
		t.Errorf("garbage went from %d MB to %d MB", before>>20, after>>20)
	}
	if k.armed.Load() {
		t.Error("the keeper still looks although all is quiet")
	}
}

// While sessions come and go nothing is collected by force.
func TestLeavesABusyProxyAlone(t *testing.T) {
	k := &Keeper{}
	var clock atomic.Int64
	k.now = clock.Load
	k.armed.Store(true)
	clock.Store(int64(quiet))
	k.Observe(messages.SessionOpened{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	k.look()
	runtime.ReadMemStats(&after)
	if after.NumForcedGC != before.NumForcedGC {
		t.Error("it collected while busy")
	}
	if !k.armed.Load() {
		t.Error("nobody will look when it is over")
	}
	k.Stop()
}
