package survival

import (
	"hash/crc32"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// Layout is the version of everything in this memory. It changes whenever a field does: a program that expects another layout cannot
// take over, and says so when it is asked (see the keeper), or steps back for the program before it.
const Layout = 1

// magic begins the memory: "tcpproxy" in ASCII.
const magic = 0x79786f7270706374

// MostLoops is how many readiness loops a proxy with --survive can have.
const MostLoops = 256

// Header is the first part of the memory. Each word has one writer at a time, which is named beside it, and is written by single stores: so
// it is whole at any instant. The keeper, the worker and the holder read it.
type Header struct {
	magic, layout uint64

	// The processes; see Worker and hold.
	Worker     atomic.Int64  // PID; by the worker, and by a holder that is about to become it
	Holder     atomic.Int64  // PID; by the kernel as the worker makes it, 0 by a holder that becomes the worker
	Spare      atomic.Int64  // PID of the holder's own holder while it becomes the worker; 0 = none; by the kernel, then by the worker
	Keeper     atomic.Int64  // PID; by the keeper
	Generation atomic.Uint64 // workers so far; by the worker
	Ready      atomic.Uint64 // the last generation that serves; by the worker
	Died       atomic.Int64  // when the last worker that served was found gone (CLOCK_MONOTONIC); by the holder
	Gaps       atomic.Int64  // how long nobody served, all told, until the worker that serves now did; by the worker
	Missed     atomic.Int64  // when the keeper was told that one is gone, if that was before Died; 0 = it was not (CLOCK_MONOTONIC); by it
	Status     atomic.Int64  // wait status of the last worker to die, and its PID in the upper half; by the keeper
	Reason     atomic.Uint64 // why the worker ends, if it does so on purpose; by the worker, and taken by the holder
	Final      atomic.Uint64 // exit code + 1 of an orderly end: nobody takes over then; by the worker
	Launches   atomic.Uint64 // workers in a row that were not ready when they died; by holder and worker
	Deaths     atomic.Uint64 // workers that died and were not meant to, all told; by the holder

	Before atomic.Int64             // PID of the worker that died last; by the holder
	Why    atomic.Uint64            // Reason of the worker that died last; by the holder
	Limit  atomic.Uint64            // what Launches may come to; 0 = not known yet; by the worker
	DiedAt [deathsKept]atomic.Int64 // when the last ones of Deaths were found (CLOCK_MONOTONIC); by the holder

	// The images that a holder executes: descriptors of programs.
	Image    atomic.Int64  // by the worker
	Previous atomic.Int64  // the one before an upgrade, while that is on trial; -1 = none
	Trial    atomic.Uint64 // 1 while the image has yet to show that it works; 2 when the holder has gone back, and Previous is what failed

	// What the owner ordered: it is obeyed by whichever worker there is.
	Orders atomic.Uint64 // signals to end: 1 = drain, more = end now; by keeper and worker, added
	Quit   atomic.Uint64 // 1 = end now; by keeper and worker
	// Upgrades that the keeper has ordered, and that a worker has begun.
	Upgrade  atomic.Uint64 // by the keeper, added
	Upgraded atomic.Uint64 // by the worker

	// The proxy.
	Began     atomic.Int64  // when the first worker began (CLOCK_MONOTONIC): the zero of all times in the records
	Restoring atomic.Uint64 // the record that is being restored, + 1; 0 = none: a worker that dies meanwhile died of it
	Loops     atomic.Uint64 // geometry; by the first worker, Loops last
	PerLoop   atomic.Uint64 // records of a loop

	_    cpu.CacheLinePad
	Loop [MostLoops]LoopHeader
}

// LoopHeader is what must outlive the process of one readiness loop. By the loop's goroutine.
type LoopHeader struct {
	Listening atomic.Int64  // the descriptor; -1 = closed
	Served    atomic.Uint64 // sessions so far
	Used      atomic.Uint64 // records from this one on have never been used
	Stage     atomic.Uint64 // how far the owner has ordered it to go
	Drained   atomic.Int64  // when it began to drain, since Began
	_         [3]uint64
}

// headerSize is rounded up to whole pages of any size in use.
const headerSize = (int(unsafe.Sizeof(Header{})) + 65535) &^ 65535

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func headerOf(mapped []byte) *Header { return (*Header)(unsafe.Pointer(&mapped[0])) }
