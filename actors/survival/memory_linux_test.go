package survival

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func create(t *testing.T) *Memory {
	t.Helper()
	m, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Unmap)
	return m
}

// reopen maps the memory once more, as another process would.
func reopen(t *testing.T, m *Memory) *Memory {
	t.Helper()
	fd, err := unix.Dup(m.FD())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Unmap)
	return again
}

func TestWhatIsWrittenIsThereForTheNext(t *testing.T) {
	m := create(t)
	if again := reopen(t, m); again.Formatted() {
		t.Error("the memory has loops' parts before there were any")
	}
	if err := m.Format(3, 100); err != nil {
		t.Fatal(err)
	}
	client := netip.MustParseAddrPort("192.0.2.1:4711")
	first := m.Table(2)
	number := first.Take()
	first.Records[number].Open(5, 9, client, 1)
	first.Chunks[len(first.Chunks)-1][0] = 'x'
	first.Served.Store(77)

	next := reopen(t, m).Table(2)
	if live := next.Live(); len(live) != 1 || live[0] != number {
		t.Fatalf("the records in use are %v, not [%d]", live, number)
	}
	r := &next.Records[number]
	if !r.Check() || r.ID != 5 || r.Client() != client || next.Served.Load() != 77 || next.Chunks[len(next.Chunks)-1][0] != 'x' {
		t.Errorf("session %d of %v, %d served, %v", r.ID, r.Client(), next.Served.Load(), next.Chunks[len(next.Chunks)-1][0])
	}
	if others := reopen(t, m).Table(1).Live(); len(others) != 0 {
		t.Errorf("another loop has the records %v", others)
	}
}

func TestRecordsAreUsedAgain(t *testing.T) {
	m := create(t)
	if err := m.Format(1, 10); err != nil {
		t.Fatal(err)
	}
	table := m.Table(0)
	seen := map[int]bool{}
	for {
		i := table.Take()
		if i < 0 {
			break
		}
		if seen[i] {
			t.Fatalf("record %d is given twice", i)
		}
		seen[i] = true
		table.Records[i].Open(uint64(i)+1, 3, netip.AddrPort{}, 0)
	}
	if len(seen) != 10+spareRecords {
		t.Errorf("there are %d records for 10 sessions", len(seen))
	}
	table.Give(4)
	if again := m.Table(0); again.Take() != 4 || again.Take() != -1 {
		t.Error("the record that was given back is not the one that is free")
	}
	if got := table.Take(); got != 4 {
		t.Errorf("the next record is %d, not the one that was given back", got)
	}
}

func TestAForeignMemoryIsRefused(t *testing.T) {
	m := create(t)
	m.layout++
	fd, err := unix.Dup(m.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if _, err := Open(fd); err == nil {
		t.Error("a memory of another layout was opened")
	}
}
