package top

import (
	"fmt"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// key obeys a key.
func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	defer m.settle()
	switch k.String() {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	}
	switch m.mode {
	case searching:
		return m.keyOfSearch(k)
	case choosing:
		return m.keyOfChoice(k)
	case ending:
		return m.keyOfEnding(k)
	}
	return m.keyOfTree(k)
}

func (m *model) keyOfTree(k tea.KeyPressMsg) tea.Cmd {
	rows := m.layout()
	switch k.String() {
	case "q":
		return tea.Quit
	case "up", "down", "pgup", "pgdown", "space", "home", "g", "end", "G":
		m.note, m.bad = "", false
		m.move(k.String(), rows)
	case "left":
		m.keyLeft(rows)
	case "right":
		m.setFold(rows, false)
	case "enter":
		if len(rows) > 0 {
			m.setFold(rows, !rows[m.cursor].folded)
		}
	case "/":
		m.mode = searching
	case "esc":
		m.search, m.note, m.bad = "", "", false
	case "k":
		return m.kill(rows, "panic")
	case "K":
		return m.kill(rows, "stop")
	case "s":
		m.beginChoice()
	case "e":
		m.beginEnding(rows)
	}
	return nil
}

func (m *model) move(key string, rows []row) {
	page := max(1, m.treeHeight()-1)
	switch key {
	case "up":
		m.moveTo(m.cursor-1, rows)
	case "down":
		m.moveTo(m.cursor+1, rows)
	case "pgup":
		m.moveTo(m.cursor-page, rows)
	case "pgdown", "space":
		m.moveTo(m.cursor+page, rows)
	case "home", "g":
		m.moveTo(0, rows)
	case "end", "G":
		m.moveTo(len(rows)-1, rows)
	}
}

// keyLeft folds what is unfolded, and goes from what is not to its supervisor.
func (m *model) keyLeft(rows []row) {
	if len(rows) == 0 {
		return
	}
	here := rows[m.cursor]
	if len(here.node.Children) > 0 && !here.folded {
		m.setFold(rows, true)
		return
	}
	for at := m.cursor; at >= 0; at-- {
		if rows[at].depth < here.depth {
			m.moveTo(at, rows)
			return
		}
	}
}

func (m *model) setFold(rows []row, folded bool) {
	if len(rows) > 0 && len(rows[m.cursor].node.Children) > 0 {
		m.fold[rows[m.cursor].node.PID] = folded
	}
}

func (m *model) keyOfSearch(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "enter":
		m.mode = browsing
	case "esc":
		m.mode, m.search = browsing, ""
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(m.search)
		m.search = m.search[:len(m.search)-size]
	default:
		m.search += Clean(k.Text)
	}
	return nil
}

func (m *model) kill(rows []row, how string) tea.Cmd {
	if len(rows) == 0 {
		return nil
	}
	pid := rows[m.cursor].node.PID
	m.note, m.bad = how+" of "+brief(pid)+" …", false
	return order(func() (string, error) { return m.client.kill(m.ctx, pid, how) })
}

func (m *model) beginChoice() {
	if len(m.strategies) == 0 {
		m.note, m.bad = "the proxy does not say which strategies there are", true
		return
	}
	m.mode, m.choice = choosing, 0
	for i, s := range m.strategies {
		if s.Name == m.strategy() {
			m.choice = i
		}
	}
}

func (m *model) keyOfChoice(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "up":
		m.choice = max(0, m.choice-1)
	case "down":
		m.choice = min(len(m.strategies)-1, m.choice+1)
	case "esc", "s", "q":
		m.mode = browsing
	case "enter":
		m.mode = browsing
		name := m.strategies[m.choice].Name
		return order(func() (string, error) { return m.client.supervise(m.ctx, name) })
	}
	return nil
}

// beginEnding asks first: unlike a kill, this is the end of somebody's connection.
func (m *model) beginEnding(rows []row) {
	if len(rows) == 0 {
		return
	}
	id, ok := sessionOf(rows[m.cursor].node.PID)
	if !ok {
		m.note, m.bad = "choose a session, or an actor of one", true
		return
	}
	m.mode, m.condemned = ending, id
	m.note, m.bad = fmt.Sprintf("End session %d: both its sides are reset? y/n", id), false
}

func (m *model) keyOfEnding(k tea.KeyPressMsg) tea.Cmd {
	m.mode, m.note = browsing, ""
	if k.String() != "y" {
		return nil
	}
	id := m.condemned
	return order(func() (string, error) { return m.client.end(m.ctx, id) })
}
