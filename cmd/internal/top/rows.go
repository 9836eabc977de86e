package top

import (
	"path"
	"strconv"
	"strings"

	"tcpproxy/messages"
)

// row is a line of the tree.
type row struct {
	node    *messages.Node
	depth   int
	folded  bool
	session *messages.Session // nil unless the actor is a session
}

// sessionOf is the session that an actor is, or belongs to.
func sessionOf(pid string) (id uint64, ok bool) {
	for part := range strings.SplitSeq(pid, "/") {
		if text, found := strings.CutPrefix(part, "session-"); found {
			id, err := strconv.ParseUint(text, 10, 64)
			return id, err == nil
		}
	}
	return 0, false
}

// brief is a PID without those above whose names say little: a session's number is unique.
func brief(pid string) string {
	if at := strings.Index(pid, "session-"); at > 0 {
		return pid[at:]
	}
	return pid
}

// layout is the tree in lines: what is folded has no children there, and a search leaves those that match, and those above them.
func (m *model) layout() []row {
	if m.seen.tree.PID == "" {
		return nil
	}
	rows, _ := m.append(nil, &m.seen.tree, 0, strings.ToLower(m.search))
	return rows
}

// append adds a node and what is below it. If there is a search, matched tells whether any of that is worth a line.
func (m *model) append(rows []row, node *messages.Node, depth int, search string) (_ []row, matched bool) {
	r := row{node: node, depth: depth, session: m.byPID[node.PID]}
	r.folded = len(node.Children) > 0 && m.folded(node)
	at := len(rows)
	rows = append(rows, r)
	matched = r.matches(search)
	if !r.folded || search != "" {
		below := false
		for i := range node.Children {
			var one bool
			if rows, one = m.append(rows, &node.Children[i], depth+1, search); one {
				below = true
			}
		}
		if search != "" {
			rows[at].folded = len(node.Children) > 0 && !below
			matched = matched || below
		}
	}
	if !matched {
		rows = rows[:at]
	}
	return rows, matched
}

func (r row) matches(search string) bool {
	if search == "" {
		return true
	}
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), search) }
	if has(path.Base(r.node.PID)) || has(r.node.State) {
		return true
	}
	return r.session != nil && (has(r.session.Client) || has(r.session.Server) || has(r.session.State))
}

// folded says whether a node's children are hidden. Those of sessions are, unless there are few sessions: with four children each, little
// else would be seen.
func (m *model) folded(node *messages.Node) bool {
	if chosen, ok := m.fold[node.PID]; ok {
		return chosen
	}
	return node.Kind == "session" && !m.few
}
