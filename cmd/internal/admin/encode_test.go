package admin

import (
	"encoding/json"
	"testing"

	"tcpproxy/messages"
)

// TestEncodeIsWhatTheLibraryWrites: in pieces, the same comes out as at once.
func TestEncodeIsWhatTheLibraryWrites(t *testing.T) {
	leaf := func(pid string) messages.Node {
		return messages.Node{PID: pid, Kind: "reader", Children: []messages.Node{}}
	}
	tree := messages.Node{PID: "listener", Strategy: `"quoted" <&>`, Children: []messages.Node{
		leaf("listener/acceptor"),
		{PID: "listener/session-1", Restarts: 3, Children: []messages.Node{leaf("a"), leaf("b")}},
		leaf("]}"),
	}}
	for _, what := range []any{
		tree, tree.Children[0], messages.Node{Children: []messages.Node{}},
		messages.Sessions{}, messages.Sessions{{ID: 1}}, messages.Sessions{{ID: 1, Client: "[::1]:2"}, {ID: 7, AgeSeconds: 0.5}},
	} {
		want, err := json.Marshal(what)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := encode(what, nil); err != nil || string(got.text) != string(want)+"\n" {
			t.Errorf("got  %s, %v\nwant %s", got.text, err, want)
		}
	}
}
