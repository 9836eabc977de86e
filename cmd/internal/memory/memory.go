// Package memory paces the garbage collector for a proxy, and gives memory back to the system when the proxy is quiet.
//
// A proxy's live heap is a few kilobytes a session. The runtime's own rule, to collect when the heap has doubled, makes a small proxy
// collect all the time while clients come and go, and a large one hold twice what it needs. Here the garbage allowed before a
// collection is a fixed amount plus a part of what lives; and when no session has come or gone for a while, what the last burst
// left behind is collected and returned.
package memory

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"tcpproxy/messages"
)

const (
	// slack is the garbage allowed, in bytes, beside a quarter of what lives.
	slack = 6 << 20
	// quiet is how long no session must have come or gone before memory is given back.
	quiet = time.Second / 2
	// worthwhile is how much there must be to give back.
	worthwhile = 2 << 20
)

// Keeper watches over the memory of the process. There is no use in having two.
type Keeper struct {
	now     func() int64
	stirred atomic.Int64 // when a session last came or went
	armed   atomic.Bool  // a look is due
	done    atomic.Bool
	percent int // the pace in force; for the finalizer's goroutine
}

// Keep starts to watch over the memory of this process, unless its environment says how (GOGC, GOMEMLIMIT). Stop it at the end.
func Keep() *Keeper {
	start := time.Now()
	k := &Keeper{now: func() int64 { return int64(time.Since(start)) }}
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		k.pace()
	}
	k.stir()
	return k
}

// Stop makes the keeper leave the memory alone.
func (k *Keeper) Stop() { k.done.Store(true) }

// Observe takes the proxy's events; it returns at once, and may be called from any goroutine.
func (k *Keeper) Observe(event any) {
	switch event.(type) {
	case messages.SessionOpened, messages.SessionClosed:
		k.stir()
	}
}

// stir notes that something happens, and sees to it that somebody looks when it is over.
func (k *Keeper) stir() {
	k.stirred.Store(k.now())
	if !k.armed.Load() && k.armed.CompareAndSwap(false, true) {
		time.AfterFunc(quiet, k.look)
	}
}

// look gives memory back if all has been quiet, and comes again if not.
func (k *Keeper) look() {
	if k.done.Load() {
		return
	}
	if rest := quiet - time.Duration(k.now()-k.stirred.Load()); rest > 0 {
		time.AfterFunc(rest, k.look)
		return
	}
	k.armed.Store(false)
	if garbage() >= worthwhile {
		debug.FreeOSMemory()
	}
}

// pace sets how far the heap may grow, anew after each collection: the sentinel is garbage at once, and its finalizer makes the next.
func (k *Keeper) pace() {
	if k.done.Load() {
		return
	}
	if percent := percentFor(read("/gc/heap/live:bytes")); percent*10 < k.percent*9 || percent*10 > k.percent*11 {
		k.percent = percent
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(&sentinel{keeper: k}, func(s *sentinel) { s.keeper.pace() })
}

// percentFor is the GOGC that lets the heap grow by slack and a quarter of what lives. The runtime never collects below
// 4 MB × GOGC ÷ 100, so for a small heap that is what counts.
func percentFor(live uint64) int {
	live = max(live, 1<<20)
	grown := slack + live/4
	return int(min(100*grown/live, 100*(live+grown)/(4<<20)))
}

type sentinel struct{ keeper *Keeper }

// garbage is about how many bytes a collection would free.
func garbage() uint64 {
	const heap = "/memory/classes/heap/"
	used := read(heap+"objects:bytes") + read(heap+"unused:bytes") + read(heap+"free:bytes")
	live := read("/gc/heap/live:bytes")
	return used - min(used, live)
}

func read(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
