package messages

import (
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/events.jsonl anew")

// one of each event, every field set.
func one(t reflect.Type) any {
	e := reflect.New(t).Elem()
	for i := range e.NumField() {
		var v any
		switch e.Field(i).Interface().(type) {
		case time.Duration:
			v = 1500 * time.Millisecond
		case netip.AddrPort:
			v = netip.MustParseAddrPort("192.0.2.1:4711")
		case Cause:
			v = CauseHung
		case string:
			v = strings.ToLower(t.Field(i).Name)
		case int:
			v = 3
		case uint32:
			v = uint32(4)
		case uint64:
			v = uint64(5)
		default:
			v = errors.New("an error")
		}
		e.Field(i).Set(reflect.ValueOf(v))
	}
	return e.Interface()
}

// TestEventsKeepTheirForm: others rely on the names and fields. A field may be added; none may go, or mean something else.
func TestEventsKeepTheirForm(t *testing.T) {
	var text strings.Builder
	for _, typ := range slices.SortedFunc(maps.Keys(eventNames), func(a, b reflect.Type) int {
		return strings.Compare(eventNames[a], eventNames[b])
	}) {
		name, fields, ok := EncodeEvent(one(typ))
		if !ok || name != EventName(one(typ)) {
			t.Errorf("%v is no event", typ)
		}
		line, err := json.Marshal(map[string]any{name: fields})
		if err != nil {
			t.Fatal(err)
		}
		text.Write(append(line, '\n'))
	}
	const file = "testdata/events.jsonl"
	if *update {
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text.String() != string(want) {
		t.Errorf("the events' JSON has become\n%s\nand was\n%s\nIf that is meant, run the test with -update.", text.String(), want)
	}
}

// TestEmptyFieldsAreNoNulls: whoever reads an event need not look whether a field is there.
func TestEmptyFieldsAreNoNulls(t *testing.T) {
	_, fields, _ := EncodeEvent(SessionClosed{})
	for key, value := range fields {
		if value == nil || key == "" {
			t.Errorf("field %q of an event that says nothing is %v", key, value)
		}
	}
	if fields["server"] != "" || fields["err"] != "" {
		t.Errorf("no server and no error are %q and %q", fields["server"], fields["err"])
	}
	if _, _, ok := EncodeEvent(Readable{}); ok {
		t.Error("a bell is an event")
	}
}
