package top

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"tcpproxy/messages"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// a look at a proxy with so many sessions, after so many seconds, in which every byte counter has grown by 1000 and 2000 a second.
func lookAt(sessions, second int, restarts uint32) look {
	l := look{at: began.Add(time.Duration(second) * time.Second), total: sessions}
	l.tree = messages.Node{PID: "listener", Kind: "listener", State: "serving", Strategy: "restart"}
	l.tree.Children = append(l.tree.Children, messages.Node{PID: "listener/acceptor", Kind: "acceptor", State: "accepting"})
	for id := 1; id <= sessions; id++ {
		pid := fmt.Sprintf("listener/session-%d", id)
		node := messages.Node{PID: pid, Kind: "session", State: "relaying", Strategy: "one-for-one"}
		for _, role := range []string{"client-reader", "server-writer", "server-reader", "client-writer"} {
			node.Children = append(node.Children, messages.Node{PID: pid + "/" + role, Kind: "reader", State: "running", Restarts: restarts})
		}
		l.tree.Children = append(l.tree.Children, node)
		l.sessions = append(l.sessions, messages.Session{
			ID: uint64(id), PID: pid, Client: fmt.Sprintf("192.0.2.%d:5000", id), Server: "198.51.100.1:80", State: "relaying",
			BytesClientToServer: uint64(1000 * second), BytesServerToClient: uint64(2000 * second), AgeSeconds: 100,
		})
	}
	return l
}

func newTestModel() *model {
	m := newModel(context.Background(), nil, Config{Addr: "127.0.0.1:9"})
	m.strategies = []strategy{
		{"one-for-one", "restart that child"}, {"all-for-one", "restart all four"}, {"stop", "reset the session"},
	}
	return m
}

// tell gives messages to a model, and returns the command of the last.
func tell(m *model, all ...tea.Msg) (command tea.Cmd) {
	for _, msg := range all {
		_, command = m.Update(msg)
	}
	return command
}

// keys are key presses: each rune is one, and words in angle brackets are special ones.
func keys(text string) (all []tea.Msg) {
	special := map[string]rune{
		"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "enter": tea.KeyEnter, "esc": tea.KeyEscape,
		"home": tea.KeyHome, "end": tea.KeyEnd, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace,
	}
	for text != "" {
		if name, rest, found := strings.Cut(strings.TrimPrefix(text, "<"), ">"); found && text[0] == '<' {
			all = append(all, tea.KeyPressMsg{Code: special[name]})
			text = rest
			continue
		}
		all = append(all, tea.KeyPressMsg{Code: rune(text[0]), Text: text[:1]})
		text = text[1:]
	}
	return all
}

// screen is what is seen, without its styles, with lines that are checked to fit.
func screen(t *testing.T, m *model) string {
	t.Helper()
	lines := strings.Split(ansi.Strip(m.View().Content), "\n")
	if len(lines) > m.height {
		t.Errorf("%d lines on a screen of %d", len(lines), m.height)
	}
	for _, line := range lines {
		if ansi.StringWidth(line) > m.width {
			t.Errorf("a line is wider than %d: %q", m.width, line)
		}
	}
	return strings.Join(lines, "\n")
}

func mustShow(t *testing.T, m *model, parts ...string) {
	t.Helper()
	seen := screen(t, m)
	for _, part := range parts {
		if !strings.Contains(seen, part) {
			t.Fatalf("the screen lacks %q:\n%s", part, seen)
		}
	}
}

func mustNotShow(t *testing.T, m *model, part string) {
	t.Helper()
	if seen := screen(t, m); strings.Contains(seen, part) {
		t.Fatalf("the screen has %q:\n%s", part, seen)
	}
}

// Rates are what has moved between two looks, of each session and of all; what began anew has none.
func TestRates(t *testing.T) {
	m := newTestModel()
	tell(m, looked(lookAt(2, 1, 0)))
	mustNotShow(t, m, "1.0 kB/s")
	tell(m, looked(lookAt(2, 3, 0)))
	mustShow(t, m, "2 sessions  ↑ 2.0 kB/s ↓ 4.0 kB/s  one-for-one", "1.0 kB/s   2.0 kB/s")
	if r := m.rates[2]; r != (rate{1000, 2000}) {
		t.Errorf("%+v", r)
	}
	l := lookAt(2, 4, 0)
	l.sessions[0].BytesClientToServer = 7
	tell(m, looked(l))
	if r := m.rates[1]; r != (rate{0, 2000}) {
		t.Errorf("a counter that has begun anew: %+v", r)
	}
	l = lookAt(2, 5, 0)
	l.stats = &stats{Sessions: 2, MaxSessions: 99, BytesClientToServer: 10, Supervision: "backoff"}
	tell(m, looked(l))
	l = lookAt(2, 6, 0)
	l.stats = &stats{Sessions: 2, MaxSessions: 99, BytesClientToServer: 510, Supervision: "backoff"}
	tell(m, looked(l))
	mustShow(t, m, "2 of 99 sessions  ↑ 500 B/s ↓ 0 B/s  backoff")
}

// Few sessions are shown with their children, many are not, and the user's choice stands.
func TestFolding(t *testing.T) {
	m := newTestModel()
	tell(m, looked(lookAt(2, 1, 0)))
	mustShow(t, m, "▾ session-2", "client-writer", "listener  supervises by restart")
	tell(m, keys("<down><down>")...)
	mustShow(t, m, "192.0.2.1:5000 → 198.51.100.1:80  ↑ 1.0 kB ↓ 2.0 kB  for 1m40s, silent for 0s")
	m = newTestModel()
	tell(m, looked(lookAt(50, 1, 0)))
	mustShow(t, m, "▸ session-1 ", "▸ session-7 ")
	mustNotShow(t, m, "client-writer")
	tell(m, keys("<down><down><right>")...)
	mustShow(t, m, "▾ session-1 ", "client-writer")
	tell(m, looked(lookAt(50, 2, 0)))
	mustShow(t, m, "▾ session-1 ", "client-writer")
	tell(m, keys("<down><left>")...) // to its supervisor
	if m.selected != "listener/session-1" {
		t.Errorf("selected: %q", m.selected)
	}
	tell(m, keys("<enter>")...)
	mustNotShow(t, m, "client-writer")
	tell(m, keys("<home><left>")...)
	mustNotShow(t, m, "session-1")
}

// The cursor stays in sight, at any size, and on its actor, whatever comes and goes above it.
func TestScrolling(t *testing.T) {
	m := newTestModel()
	tell(m, looked(lookAt(500, 1, 0)))
	for _, size := range []tea.WindowSizeMsg{
		{Width: 80, Height: 24}, {Width: 120, Height: 50}, {Width: 40, Height: 10}, {Width: 3, Height: 2}, {Width: 1, Height: 1},
	} {
		tell(m, size)
		for _, press := range keys("<end><up><pgdown><home><pgdown><pgdown>") {
			tell(m, press)
			screen(t, m)
			if m.cursor < m.top || m.cursor >= m.top+m.treeHeight() {
				t.Errorf("%+v: the cursor is at %d, the lines begin at %d", size, m.cursor, m.top)
			}
		}
	}
	tell(m, tea.WindowSizeMsg{Width: 80, Height: 24})
	tell(m, keys("<end><up><up><up>")...)
	mustShow(t, m, "session-497", "session-500")
	l := lookAt(500, 2, 0)
	l.tree.Children = append(l.tree.Children[:1], l.tree.Children[101:]...) // a hundred sessions have ended
	tell(m, looked(l))
	if m.selected != "listener/session-497" {
		t.Errorf("selected: %q", m.selected)
	}
	mustShow(t, m, "session-497")
	tell(m, looked(lookAt(3, 3, 0))) // and now that one, too
	mustShow(t, m, "session-3")
}

// A search leaves what matches and those above it, and can be taken back.
func TestSearch(t *testing.T) {
	m := newTestModel()
	tell(m, looked(lookAt(50, 1, 0)))
	tell(m, keys("/192.0.2.33X<backspace>")...)
	mustShow(t, m, "/192.0.2.33", "▾ listener", "▸ session-33")
	mustNotShow(t, m, "session-34")
	mustNotShow(t, m, "acceptor")
	tell(m, keys("<enter>")...)
	if m.mode != browsing || m.search != "192.0.2.33" {
		t.Errorf("after enter: mode %v, search %q", m.mode, m.search)
	}
	tell(m, keys("<esc>/SERVER-WRITER<enter>")...)
	mustShow(t, m, "▾ session-1 ", "server-writer")
	tell(m, keys("<esc>/zzz")...)
	mustShow(t, m, "nothing has that")
	tell(m, keys("<esc>")...)
	mustShow(t, m, "acceptor")
}

// Events are shown as they come; where there are none to be had, restarts are told by the tree.
func TestEvents(t *testing.T) {
	m := newTestModel()
	tell(m, looked(lookAt(1, 1, 0)), looked(lookAt(1, 2, 1)))
	mustShow(t, m, "as far as the tree shows it", "session-1/client-reader restarted (1 in all)")
	m = newTestModel()
	tell(m, offered(true), looked(lookAt(1, 1, 0)), looked(lookAt(1, 2, 1)))
	mustNotShow(t, m, "in all")
	for name, data := range map[string]string{
		"actor-killed":        `{"pid":"listener/session-1/a","mode":"panic","by":"admin"}`,
		"actor-failed":        `{"pid":"listener/session-1/b","reason":"oh\u001b[2J","strategy":"one-for-one","directive":"restart"}`,
		"actor-restarted":     `{"time":"2026-01-02T03:04:05.5Z","pid":"listener/session-1/c","restarts":3,"after_s":0.000029}`,
		"supervision-changed": `{"strategy":"stop","was":"resume"}`,
		"missed":              `{"missed":7}`,
		"listener-draining":   `{"listener":"listener-2"}`,
	} {
		tell(m, decodeEvent(name, data))
	}
	mustShow(t, m, "session-1/a killed (panic, by admin)", "session-1/b failed: oh [2J; one-for-one decides: restart",
		"session-1/c restarted (3 in all), after 29µs", "stop supervises from now on, and not resume")
	tell(m, tea.WindowSizeMsg{Width: 80, Height: 40})
	mustShow(t, m, "7 events were missed", "listener-2 listener draining")
	for range 3 * eventsKept {
		tell(m, decodeEvent("actor-restarted", "{}"))
	}
	if len(m.events) != eventsKept {
		t.Errorf("%d events are kept, want %d", len(m.events), eventsKept)
	}
}

// It says plainly that the proxy is lost, shows what was last seen, and comes back by itself.
func TestLost(t *testing.T) {
	m := newTestModel()
	tell(m, looked(lookAt(1, 1, 0)), looked(lookAt(1, 2, 0)))
	again := tell(m, looked{at: began.Add(3 * time.Second), err: errors.New("nobody there")})
	if again == nil {
		t.Fatal("it does not look again")
	}
	mustShow(t, m, "LOST, trying again: nobody there", "session-1")
	mustNotShow(t, m, "kB/s")
	tell(m, looked{at: began.Add(4 * time.Second), err: errors.New("nobody there")})
	tell(m, looked(lookAt(1, 6, 0)))
	mustShow(t, m, "1 session ", "the proxy is back, after 3s")
	mustNotShow(t, m, "LOST")
}

// Quitting takes one key, except where keys are letters.
func TestQuit(t *testing.T) {
	quits := func(command tea.Cmd) bool {
		if command == nil {
			return false
		}
		_, yes := command().(tea.QuitMsg)
		return yes
	}
	m := newTestModel()
	tell(m, looked(lookAt(1, 1, 0)))
	if !quits(tell(m, keys("q")...)) || !quits(tell(m, tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})) {
		t.Error("q or ctrl+c does not quit")
	}
	if quits(tell(m, keys("/q")...)) || m.search != "q" {
		t.Errorf("q in a search quits, or is not searched for: %q", m.search)
	}
	if !quits(tell(m, tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})) {
		t.Error("ctrl+c does not quit a search")
	}
}

// Before anything is known no key may do harm.
func TestKeysBeforeTheFirstLook(t *testing.T) {
	m := newTestModel()
	for _, press := range keys("<up><down><left><right><enter><end><pgdown>kKe") {
		if command := tell(m, press); command != nil {
			t.Errorf("%v does something", press)
		}
	}
	mustShow(t, m, "asking")
}

// Thousands of sessions are no burden: a key press and the screen that follows, with as many as are ever asked for, unfolded.
func BenchmarkManySessions(b *testing.B) {
	m := newTestModel()
	tell(m, looked(lookAt(most, 1, 0)))
	m.few = true
	for b.Loop() {
		tell(m, keys("<down>")...)
		_ = m.View()
	}
}
