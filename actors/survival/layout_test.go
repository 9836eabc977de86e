package survival

import (
	"fmt"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"

	"tcpproxy/actors/internal/wire"
)

// layouts are the sums of what lies in the memory, by Layout.
var layouts = map[int]uint32{1: 0xdecb4e6a}

// TestLayoutIsThatOfItsNumber: whoever changes a field that lies in the memory must raise Layout, or a new program would take over from an
// old one and misread what that has left.
func TestLayoutIsThatOfItsNumber(t *testing.T) {
	var text strings.Builder
	for _, s := range []any{Header{}, LoopHeader{}, Record{}, address{}, wire.Note{}} {
		of := reflect.TypeOf(s)
		fmt.Fprintf(&text, "%s %d\n", of.Name(), of.Size())
		for i := range of.NumField() {
			f := of.Field(i)
			fmt.Fprintf(&text, "  %s %s %d\n", f.Name, f.Type, f.Offset)
		}
	}
	fmt.Fprintln(&text, headerSize, recordSize, noteSize, spareRecords, spareChunks, page, wire.ChunkSize, causeShift)
	if sum := crc32.ChecksumIEEE([]byte(text.String())); layouts[Layout] != sum {
		t.Errorf("layout %d has the sum %#x, and now it is %#x: raise Layout and add that. The fields are\n%s",
			Layout, layouts[Layout], sum, text.String())
	}
}
