package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"tcpproxy/messages"
)

// many is a proxy with two listeners and five sessions. asked counts the questions.
func many(asked *atomic.Int64) *fake {
	session := func(id uint64, client, state string) messages.Session {
		return messages.Session{
			ID: id, PID: fmt.Sprintf("listener-%d/session-%d", 2-id%2, id), Client: client, Server: "10.0.0.1:80", State: state,
			BytesClientToServer: id, AgeSeconds: float64(asked.Load()), IdleSeconds: float64(asked.Load()),
		}
	}
	all := func() messages.Sessions {
		return messages.Sessions{
			session(1, "[::1]:1001", "relaying"), session(2, "[::1]:1002", "connecting"), session(3, "[::1]:1003", "relaying"),
			session(4, "[fe80::4%\"]:1004", "relaying"), session(10, "[::1]:1010", "closing"),
		}
	}
	f := newFake()
	f.sessions = func(context.Context) (messages.Sessions, error) {
		asked.Add(1)
		return all(), nil
	}
	f.tree = func(context.Context) (messages.Node, error) {
		asked.Add(1)
		root := messages.Node{PID: "guardian", Kind: "guardian"}
		for i := 1; i <= 2; i++ {
			pid := fmt.Sprintf("listener-%d", i)
			listener := messages.Node{PID: pid, Kind: "listener", State: "serving"}
			if i == 2 { // the other has sessions only
				listener.Children = append(listener.Children, messages.Node{PID: pid + "/acceptor", Kind: "acceptor"})
			}
			for _, s := range all() {
				if strings.HasPrefix(s.PID, pid) {
					listener.Children = append(listener.Children, messages.Node{PID: s.PID, Kind: "session", State: s.State, Children: []messages.Node{
						{PID: s.PID + "/client-reader", Kind: "reader", State: "running,[]"},
					}})
				}
			}
			if i == 2 {
				listener.Children = append(listener.Children, messages.Node{PID: pid + "/chaos", Kind: "chaos"})
			}
			root.Children = append(root.Children, listener)
		}
		return root, nil
	}
	return f
}

// idsIn are the sessions in an answer, in their order, and what else there is in it.
func idsIn(t *testing.T, path, body string) (ids, others string) {
	t.Helper()
	var sessions, rest []string
	if path == "/api/sessions" {
		var all messages.Sessions
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		for _, s := range all {
			sessions = append(sessions, strconv.FormatUint(s.ID, 10))
		}
	} else {
		var look func(n messages.Node)
		look = func(n messages.Node) {
			if n.Kind == "session" {
				sessions = append(sessions, strconv.FormatUint(sessionIn(n.PID), 10))
				if len(n.Children) != 1 || n.Children[0].Kind != "reader" {
					t.Errorf("%s has the children %+v", n.PID, n.Children)
				}
				return
			}
			rest = append(rest, n.PID)
			for _, child := range n.Children {
				look(child)
			}
		}
		var root messages.Node
		if err := json.Unmarshal([]byte(body), &root); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		look(root)
	}
	return strings.Join(sessions, " "), strings.Join(rest, " ")
}

// TestParts: limit, after and q choose sessions, of the list and of the tree, whose other actors are always there.
func TestParts(t *testing.T) {
	var asked atomic.Int64
	server := many(&asked).serve(t, Config{})
	for _, test := range []struct{ query, list, tree, total string }{
		{"", "1 2 3 4 10", "1 3 2 4 10", "5"},
		{"?limit=10000", "1 2 3 4 10", "1 3 2 4 10", "5"},
		{"?limit=5", "1 2 3 4 10", "1 3 2 4 10", "5"},
		{"?limit=4", "1 2 3 4", "1 3 2 4", "5"},
		{"?limit=2", "1 2", "1 2", "5"}, // of different listeners
		{"?limit=1", "1", "1", "5"},
		{"?after=2", "3 4 10", "3 4 10", "5"},
		{"?after=2&limit=1", "3", "3", "5"},
		{"?after=10", "", "", "5"},
		{"?after=0", "1 2 3 4 10", "1 3 2 4 10", "5"},
		{"?q=", "1 2 3 4 10", "1 3 2 4 10", "5"},
		{"?q=relaying", "1 3 4", "1 3 4", "3"},
		{"?q=relaying&limit=2", "1 3", "1 3", "3"},
		{"?q=relaying&after=1&limit=1", "3", "3", "3"},
		{"?q=session-1", "1 10", "1 10", "2"},
		{"?q=listener-2/", "2 4 10", "2 4 10", "3"},
		{"?q=:1003", "3", "3", "1"},
		{"?q=" + url.QueryEscape(`%"]`), "4", "4", "1"},
		{"?q=10.0.0.1:80", "1 2 3 4 10", "1 3 2 4 10", "5"},
		{"?q=nobody", "", "", "0"},
		{"?unknown=7", "1 2 3 4 10", "1 3 2 4 10", "5"},
	} {
		for path, want := range map[string]string{"/api/sessions": test.list, "/api/tree": test.tree} {
			answer, body := request(t, server, "GET", path+test.query, "")
			ids, others := idsIn(t, path, body)
			if total := answer.Header.Get("X-Total-Count"); answer.StatusCode != 200 || ids != want || total != test.total {
				t.Errorf("%s%s: status %d, sessions %q of %s; want %q of %s", path, test.query, answer.StatusCode, ids, total, want, test.total)
			}
			const all = "guardian listener-1 listener-2 listener-2/acceptor listener-2/chaos"
			if path == "/api/tree" && others != all {
				t.Errorf("%s%s: the other actors are %s, want %s", path, test.query, others, all)
			}
		}
	}
	for query, reason := range map[string]string{
		"?limit=0": "from 1 to 10000", "?limit=10001": "from 1 to 10000", "?limit=-1": "from 1 to 10000",
		"?limit=": "limit is", "?limit=many": "limit is",
		"?after=": "after is", "?after=-1": "after is", "?after=1.5": "after is", "?limit=1&limit=2": "given 2 times", "?q=%zz": "cannot be read",
		"?q=" + strings.Repeat("x", longestWord+1): "q has 201 bytes",
	} {
		for _, path := range []string{"/api/sessions", "/api/tree"} {
			if status, body := call(t, server, "GET", path+query, ""); status != 400 || !strings.Contains(body, reason) {
				t.Errorf("%s%s: status %d, body %q; want 400 with %q", path, query, status, body, reason)
			}
		}
	}
}

// TestPartsAskNobody: the parts are those of the answer that all share.
func TestPartsAskNobody(t *testing.T) {
	var asked atomic.Int64
	a := newAPI(many(&asked), &Server{config: Config{Patience: maxWait}, listener: newCrowd(nil, 1)})
	it, err := a.sessions.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		chosen, total := a.chooser.choose(&it.told, wish{limit: 1, after: uint64(i % 4)}, nil)
		if len(chosen) != 1 || total != 5 {
			t.Errorf("%d of %d", len(chosen), total)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the proxy was asked %d times, want once", n)
	}
}

// TestTags: an answer that says nothing new is not sent again, though times have gone on; every change gets through.
func TestTags(t *testing.T) {
	var asked atomic.Int64
	proxy := many(&asked)
	var more atomic.Bool
	sessions := proxy.sessions
	proxy.sessions = func(ctx context.Context) (messages.Sessions, error) {
		all, err := sessions(ctx)
		if more.Load() {
			all[2].BytesServerToClient++
		}
		return all, err
	}
	server := proxy.serve(t, Config{})
	tagOf := func(path string) string {
		answer, _ := request(t, server, "GET", path, "")
		return answer.Header.Get("ETag")
	}
	seen := map[string]string{} // where it comes from, by tag
	for _, path := range []string{
		"/api/sessions", "/api/sessions?limit=2", "/api/sessions?after=1&limit=2", "/api/sessions?q=relaying", "/api/sessions?after=3",
		"/api/tree", "/api/tree?limit=2", "/api/tree?q=relaying",
	} {
		tag := tagOf(path)
		if other, yes := seen[tag]; yes || !strings.HasPrefix(tag, `W/"`) {
			t.Errorf("%s and %s have the tag %q", path, other, tag)
		}
		seen[tag] = path
		before := asked.Load()
		for asked.Load() == before { // until it is made anew, with other ages
			answer, body := request(t, server, "GET", path, "", `If-None-Match: "x", `+tag)
			if answer.StatusCode != 304 || body != "" || answer.Header.Get("ETag") != tag || answer.Header.Get("X-Total-Count") == "" {
				t.Fatalf("%s: status %d, body %q, %v; want 304", path, answer.StatusCode, body, answer.Header)
			}
		}
		for _, tags := range []string{`"x"`, "", tag[:len(tag)-2] + `"`} {
			if answer, _ := request(t, server, "GET", path, "", "If-None-Match: "+tags); answer.StatusCode != 200 {
				t.Errorf("%s: status %d for the tag %s, want 200", path, answer.StatusCode, tags)
			}
		}
		if answer, _ := request(t, server, "GET", path, "", "If-None-Match: *"); answer.StatusCode != 304 {
			t.Errorf("%s: status %d for any tag, want 304", path, answer.StatusCode)
		}
	}
	first, all := tagOf("/api/sessions?limit=2"), tagOf("/api/sessions")
	more.Store(true)
	for before := asked.Load(); asked.Load() < before+2; {
		tagOf("/api/sessions")
	}
	if tagOf("/api/sessions") == all || tagOf("/api/sessions?limit=2") != first {
		t.Error("session 3 has moved a byte: the tag of the list stays, or that of the first two does not")
	}
}

// TestStats: the figures of the loops, their sums, and how the proxy is set.
func TestStats(t *testing.T) {
	proxy := newFake()
	server := proxy.serve(t, Config{Faults: true, Process: func() Process { return Process{Generation: 3} }})
	if err := proxy.SetSupervision("resume"); err != nil {
		t.Fatal(err)
	}
	server.hub.lost.Store(7)
	status, body := call(t, server, "GET", "/api/stats", "")
	const want = `{"sessions":3,"max_sessions":99,"bytes_client_to_server":35,"bytes_server_to_client":406,"loops":[` +
		`{"listener":"listener-1","sessions":2,"bytes_client_to_server":30,"bytes_server_to_client":400},` +
		`{"listener":"listener-2","sessions":1,"bytes_client_to_server":5,"bytes_server_to_client":6}],` +
		`"events_dropped":7,"supervision":"resume","strategies":[{"name":"one-for-one","summary":"restart that child;`
	if status != 200 || !strings.HasPrefix(body, want) || !strings.HasSuffix(body, `}],"faults":true,"generation":3}`+"\n") {
		t.Errorf("status %d, body %s; want %s…", status, body, want)
	}
	close(proxy.done)
	if status, _ := call(t, server, "GET", "/api/stats", ""); status != 503 {
		t.Errorf("of a proxy that has stopped: status %d, want 503", status)
	}
}
