package top

import (
	"fmt"
	"path"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"tcpproxy/messages"
)

// Styles, as a terminal knows them. Without colours (NO_COLOR) bold and reversed are left; nothing is told by a colour alone.
const (
	plain    = ""
	bold     = "1"
	faint    = "2"
	reversed = "7"
	alarm    = "1;31"
	good     = "32"
	warning  = "33"
)

func paint(style, text string) string {
	if style == plain || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[m"
}

// The lines of the screen beside the tree and the events: title, heads of both, note, keys.
const otherLines = 5

// eventsHeight is how many events are shown; none where the tree would have too few lines.
func (m *model) eventsHeight() int { return max(0, min(8, (m.height-otherLines)/3)) }

func (m *model) treeHeight() int { return max(1, m.height-otherLines-m.eventsHeight()) }

// View draws the screen.
func (m *model) View() tea.View {
	lines := append([]string{m.title()}, m.treeLines()...)
	lines = append(lines, m.eventLines()...)
	lines = append(lines, m.noteLine(), m.keysLine())
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, m.width, "…")
	}
	if len(lines) > m.height {
		lines = lines[:max(1, m.height)]
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	v.WindowTitle = "tcpproxy " + m.addr
	return v
}

// title has the key figures, or says that they are those of a proxy that is gone.
func (m *model) title() string {
	name := paint(bold, "tcpproxy "+m.addr)
	if m.lost != nil {
		return name + "  " + paint(alarm, "LOST, trying again: "+Clean(m.lost.Error()))
	}
	if m.seen.at.IsZero() {
		return name + "  asking …"
	}
	return name + "  " + figures(&m.seen, fmt.Sprintf("  ↑ %s ↓ %s", speed(m.sum.up), speed(m.sum.down)), m.strategy())
}

// figures are those that one look tells.
func figures(l *look, rates, strategy string) string {
	sessions := l.total
	text := ""
	if l.stats != nil {
		sessions = l.stats.Sessions
		if l.stats.MaxSessions > 0 {
			text = fmt.Sprintf(" of %d", l.stats.MaxSessions)
		}
	}
	text = fmt.Sprintf("%d%s sessions", sessions, text)
	if text == "1 sessions" {
		text = "1 session"
	}
	text += rates
	if strategy != "" {
		text += "  " + Clean(strategy)
	}
	if l.generation > 1 {
		text += fmt.Sprintf("  process %d", l.generation)
	}
	return text
}

// The columns to the right of the tree. On a narrow screen, those in front are the last to go.
const columns = " %-10s %4s %4s %10s %10s"

func heads() string { return fmt.Sprintf(columns, "state", "rest", "mail", "up", "down") }

func (m *model) treeLines() []string {
	height := m.treeHeight()
	left := max(20, m.width-ansi.StringWidth(heads()))
	head := "actor"
	if m.search != "" || m.mode == searching {
		head = "actors with /" + m.search
	}
	lines := []string{paint(faint, fit(head, left)+heads())}
	if m.mode == choosing {
		return fill(append(lines, m.choiceLines()...), height+1)
	}
	rows := m.layout()
	for i := m.top; i < min(len(rows), m.top+height); i++ {
		line := fit(rows[i].name(), left) + m.rowColumns(rows[i])
		style := plain
		switch {
		case i == m.cursor:
			style = reversed
		case m.lost != nil:
			style = faint
		case !m.restarted[rows[i].node.PID].IsZero():
			style = warning
		}
		lines = append(lines, paint(style, line))
	}
	if m.search != "" && len(rows) == 0 {
		lines = append(lines, "  nothing has that; esc shows all")
	}
	return fill(lines, height+1)
}

// name is a row's first column.
func (r row) name() string {
	mark := "  "
	if len(r.node.Children) > 0 {
		mark = "▾ "
		if r.folded {
			mark = "▸ "
		}
	}
	text := strings.Repeat("  ", r.depth) + mark + Clean(path.Base(r.node.PID))
	if r.session != nil {
		server := r.session.Server
		if server == "" {
			server = "…"
		}
		text += "  " + Clean(r.session.Client) + " → " + Clean(server)
	}
	return text
}

func (m *model) rowColumns(r row) string {
	up, down := "", ""
	if r.session != nil {
		is, known := m.rates[r.session.ID]
		if known {
			up, down = speed(is.up), speed(is.down)
		}
	}
	return fmt.Sprintf(columns, cut(Clean(r.node.State), 10), fmt.Sprint(r.node.Restarts), fmt.Sprint(r.node.Mailbox), up, down)
}

func (m *model) choiceLines() (lines []string) {
	lines = append(lines, "When a reader or writer fails:")
	first := max(0, m.choice-max(0, m.treeHeight()-2)) // where not all of them have room
	for i, s := range m.strategies[first:] {
		i += first
		line := fmt.Sprintf("  %-13s %s", Clean(s.Name), Clean(s.Summary))
		if s.Name == m.strategy() {
			line = "*" + line[1:]
		}
		if i == m.choice {
			line = paint(reversed, line)
		}
		lines = append(lines, line)
	}
	return lines
}

func (m *model) eventLines() []string {
	height := m.eventsHeight()
	head := "supervision"
	if !m.offered {
		head = "supervision, as far as the tree shows it"
	}
	lines := []string{paint(faint, head)}
	for _, e := range m.events[max(0, len(m.events)-height):] {
		lines = append(lines, e.at.Format("15:04:05.000 ")+paint(e.style(), Clean(e.text())))
	}
	return fill(lines, height+1)
}

func (e event) style() string {
	switch e.name {
	case "actor-failed", "actor-stopped", "missed", "dropped", "accept-paused":
		return alarm
	case "actor-restarted", "process-restarted", "accept-resumed":
		return good
	}
	return plain
}

func (m *model) noteLine() string {
	if m.mode == searching {
		return "/" + m.search + paint(reversed, " ")
	}
	if m.bad {
		return paint(alarm, Clean(m.note))
	}
	if m.note == "" && m.lost == nil {
		return paint(faint, m.details())
	}
	return paint(bold, Clean(m.note))
}

// details are of the actor that is selected, where there is nothing else to say.
func (m *model) details() string {
	if s := m.byPID[m.selected]; s != nil {
		return Clean(fmt.Sprintf("%s → %s  ↑ %s ↓ %s  for %s, silent for %s", s.Client, s.Server,
			amount(float64(s.BytesClientToServer)), amount(float64(s.BytesServerToClient)), seconds(s.AgeSeconds), seconds(s.IdleSeconds)))
	}
	text := m.selected
	walk(&m.seen.tree, func(n *messages.Node) {
		if n.PID == m.selected && n.Strategy != "" {
			text += "  supervises by " + n.Strategy
		}
	})
	return Clean(text)
}

func (m *model) keysLine() string {
	text := "↑↓ ←→ move, fold  / search  k kill  K stop  s strategy  e end session  q quit"
	switch m.mode {
	case searching:
		text = "enter keeps the search  esc leaves it"
	case choosing:
		text = "↑↓ move  enter chooses  esc leaves it as it is"
	case ending:
		text = "y ends the session  any other key does not"
	}
	return paint(faint, text)
}
