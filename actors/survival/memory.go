package survival

import (
	"errors"
	"fmt"
	"unsafe"

	"tcpproxy/actors/internal/wire"
)

// Memory is the state that a proxy's processes share: a header, and for each readiness loop a table of records, one to a connection, their
// flows' notes, and the chunks that flows hold bytes in. It is a file without a name, mapped by all, that lives as long as one of them.
type Memory struct {
	*Header
	fd     int
	mapped []byte
}

// Geometry of a loop's part. The file is sparse: what has never been used takes no memory.
const (
	recordSize = int(unsafe.Sizeof(Record{}))
	noteSize   = int(unsafe.Sizeof(wire.Note{}))
	// spareRecords is how many records there are beyond the limit of sessions: several loops may overrun it a little.
	spareRecords = 64
	// spareChunks is how many chunks there are beyond two a session.
	spareChunks = 64
	page        = 64 << 10
)

// ErrUnsupported says that this system has not what it takes.
var ErrUnsupported = errors.New("a proxy that survives its process takes Linux 5.3 or later")

// Create makes the memory, without any loop's part. The keeper calls it; the descriptor is inherited.
func Create() (*Memory, error) {
	fd, err := createFile()
	if err != nil {
		return nil, err
	}
	m := &Memory{fd: fd}
	if err := m.resize(headerSize); err != nil {
		m.Unmap()
		return nil, err
	}
	m.magic, m.layout = magic, Layout
	m.Image.Store(-1)
	m.Previous.Store(-1)
	for i := range m.Loop {
		m.Loop[i].Listening.Store(-1)
	}
	return m, nil
}

// Open maps a memory that somebody else has made, by its descriptor.
func Open(fd int) (*Memory, error) {
	m := &Memory{fd: fd}
	if err := m.remap(headerSize); err != nil {
		return nil, err
	}
	if m.magic != magic || m.layout != Layout {
		err := fmt.Errorf("the state that was left behind has layout %d, and this program knows %d", m.layout, Layout)
		m.unmap()
		return nil, err
	}
	if m.Formatted() {
		if err := m.remap(m.size()); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// FD is the memory's descriptor.
func (m *Memory) FD() int { return m.fd }

// Formatted reports whether the loops' parts are there: a worker has been through Format.
func (m *Memory) Formatted() bool { return m.Loops.Load() != 0 }

// Format makes the loops' parts, for so many sessions. The first worker calls it.
func (m *Memory) Format(loops, sessions int) error {
	if loops > MostLoops {
		return fmt.Errorf("--survive goes with %d loops at most", MostLoops)
	}
	m.PerLoop.Store(uint64(sessions + spareRecords))
	if err := m.resize(headerSize + loops*m.loopSize()); err != nil {
		return err
	}
	m.Loops.Store(uint64(loops))
	return nil
}

func (m *Memory) records() int { return int(m.PerLoop.Load()) }
func (m *Memory) chunks() int  { return 2*m.records() + spareChunks }

func up(n int) int { return (n + page - 1) &^ (page - 1) }

// loopSize is the size of a loop's part: records, notes and chunks, each from a page of their own.
func (m *Memory) loopSize() int {
	return up(m.records()*recordSize) + up(2*m.records()*noteSize) + m.chunks()*wire.ChunkSize
}

func (m *Memory) size() int { return headerSize + int(m.Loops.Load())*m.loopSize() }

// part is where a loop's part begins, in three pieces.
func (m *Memory) part(loop int) (records, notes, chunks unsafe.Pointer) {
	base := headerSize + loop*m.loopSize()
	at := func(offset int) unsafe.Pointer { return unsafe.Pointer(&m.mapped[base+offset]) }
	r := up(m.records() * recordSize)
	return at(0), at(r), at(r + up(2*m.records()*noteSize))
}

// Table is a loop's part of the memory, for the loop's goroutine.
type Table struct {
	*LoopHeader
	Records []Record
	Notes   []wire.Note // two for each record: up, down
	Chunks  []wire.Chunk
	free    []int // records that have been given back
}

// Table is that of a loop, from 0. All records that have been in use and are not live are free.
func (m *Memory) Table(loop int) *Table {
	records, notes, chunks := m.part(loop)
	t := &Table{
		LoopHeader: &m.Loop[loop],
		Records:    unsafe.Slice((*Record)(records), m.records()),
		Notes:      unsafe.Slice((*wire.Note)(notes), 2*m.records()),
		Chunks:     unsafe.Slice((*wire.Chunk)(chunks), m.chunks()),
	}
	for i := range t.used() {
		if t.Records[i].Unused() {
			t.free = append(t.free, i)
		}
	}
	return t
}

func (t *Table) used() int { return int(min(t.Used.Load(), uint64(len(t.Records)))) }

// Live are the records in use, by number. They may be damaged: see Record.Check.
func (t *Table) Live() (all []int) {
	for i := range t.used() {
		if !t.Records[i].Unused() {
			all = append(all, i)
		}
	}
	return all
}

// Take finds a free record, the warmest first; -1 if there is none.
func (t *Table) Take() int {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		return i
	}
	i := t.used()
	if i == len(t.Records) {
		return -1
	}
	t.Used.Store(uint64(i + 1))
	return i
}

// Give frees a record.
func (t *Table) Give(i int) {
	t.Records[i].Close()
	t.free = append(t.free, i)
}
