package report

import (
	"fmt"
	"slices"
	"strings"
)

// tree is the tree of actors, with who restarted in some cells where the same did.
type tree struct {
	Of    string
	Nodes []node
	Edges []edge
	Tall  int
}

// node is an actor of the tree.
type node struct {
	Role, Says string
	Class      string // all, some or none of the runs
	Victim     bool
	X, Y, CX   int
}

// TY is where the role stands.
func (n node) TY() int { return n.Y + 20 }

// SaysY is where the count stands, below it.
func (n node) SaysY() int { return n.Y + 36 }

// PlateX is the left of a plate that keeps both readable on the hatching.
func (n node) PlateX() int { return n.X + 7 }

// PlateY is its top.
func (n node) PlateY() int { return n.Y + 6 }

// MarkY is where a victim is marked, above.
func (n node) MarkY() int { return n.Y - 5 }

type edge struct{ X1, Y1, X2, Y2 int }

const (
	nodeWide, nodeTall = 122, 46
	nodeApart          = 8
	rowTall            = 84
)

// places are where the actors stand: the column, in quarters of the width, and the row.
var places = map[string]struct{ column, row float64 }{
	"process": {1.5, 0}, "listener": {1.5, 1}, "acceptor": {0.5, 2}, "session": {2.5, 2},
	"client-reader": {0, 3}, "server-writer": {1, 3}, "server-reader": {2, 3}, "client-writer": {3, 3},
}

var parents = map[string]string{
	"listener": "process", "acceptor": "listener", "session": "listener",
	"client-reader": "session", "server-writer": "session", "server-reader": "session", "client-writer": "session",
}

// trees are one for all cells in which the same victim failed and the same actors restarted.
func trees(cells []cell) []tree {
	var drawn []tree
	told := slices.DeleteFunc(slices.Clone(cells), func(c cell) bool { return len(c.done) == 0 })
	for _, g := range group(told, func(c cell) string { return c.Victim + " " + whoKey(c) }) {
		of := names(g, cells)
		if of == "" {
			of = g[0].label
			if len(g) > 1 {
				of = "every cell"
			}
		}
		drawn = append(drawn, newTree(of, g))
	}
	return drawn
}

func newTree(of string, g []cell) tree {
	runs := runsOf(g)
	_, n := restarted(runs)
	t := tree{Of: of}
	top := 1.0 // the process is shown where it took part
	if g[0].Victim == "process" || n["process"] > 0 {
		top = 0
	}
	for _, role := range roles {
		at := places[role]
		if at.row < top {
			continue
		}
		x, y := 4+int(at.column*(nodeWide+nodeApart)), 22+int((at.row-top)*rowTall)
		v := node{Role: role, Class: "some", Victim: role == g[0].Victim, X: x, Y: y, CX: x + nodeWide/2}
		v.Says = "restarted " + ofAll(n[role], len(runs))
		switch n[role] {
		case len(runs):
			v.Class = "all"
		case 0:
			v.Class, v.Says = "none", "did not, "+ofAll(0, len(runs))
		}
		t.Nodes = append(t.Nodes, v)
		t.Tall = max(t.Tall, y+nodeTall+12)
		if above := places[parents[role]]; parents[role] != "" && above.row >= top {
			px, py := 4+int(above.column*(nodeWide+nodeApart))+nodeWide/2, 22+int((above.row-top)*rowTall)+nodeTall
			t.Edges = append(t.Edges, edge{px, py, v.CX, y})
		}
	}
	return t
}

// Words says the tree to who cannot see it.
func (t tree) Words() string {
	var words []string
	for _, n := range t.Nodes {
		victim := ""
		if n.Victim {
			victim = " (the victim)"
		}
		words = append(words, fmt.Sprintf("%s%s: %s", n.Role, victim, n.Says))
	}
	return strings.Join(words, "; ")
}
