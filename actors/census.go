package actors

import (
	"sort"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// census answers one ListSessions or DescribeTree. Each lane counts its own sessions on its own goroutine, between two turns, so
// nothing is locked, and no session is asked: asking would wake it. The last lane to finish sends the answer.
type census struct {
	hub      *hub
	to       *actor.PID
	question any
	root     messages.Node
	left     atomic.Int32
	sessions [][]messages.Session
	nodes    [][]messages.Node
}

func (h *hub) count(to *actor.PID, question any, root messages.Node) {
	if to == nil {
		return
	}
	n := len(h.lanes)
	c := &census{hub: h, to: to, question: question, root: root, sessions: make([][]messages.Session, n), nodes: make([][]messages.Node, n)}
	c.left.Store(int32(n))
	for i, l := range h.lanes {
		t := new(wire.Task)
		t.Bind(runner(func() { c.visit(i, l) }))
		l.loop.Post(t)
	}
}

func (c *census) visit(i int, l *lane) {
	for conn := l.first; conn != nil; conn = conn.next {
		if _, tree := c.question.(*messages.DescribeTree); tree {
			c.nodes[i] = append(c.nodes[i], conn.node())
		} else {
			c.sessions[i] = append(c.sessions[i], conn.entry())
		}
	}
	if c.left.Add(-1) == 0 {
		c.answer()
	}
}

func (c *census) answer() {
	if _, tree := c.question.(*messages.DescribeTree); tree {
		var nodes []messages.Node
		for _, n := range c.nodes {
			nodes = append(nodes, n...)
		}
		sort.Slice(nodes, func(i, j int) bool {
			return len(nodes[i].PID) < len(nodes[j].PID) || len(nodes[i].PID) == len(nodes[j].PID) && nodes[i].PID < nodes[j].PID
		})
		c.root.Children = append(c.root.Children, nodes...)
		c.hub.send(c.to, c.root)
		return
	}
	all := messages.Sessions{}
	for _, s := range c.sessions {
		all = append(all, s...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	c.hub.send(c.to, all)
}

// entry is the session's line in a list.
func (c *connection) entry() messages.Session {
	now := int64(c.lane.loop.Since())
	last := max(c.opened, c.moved[up].Load(), c.moved[down].Load())
	e := messages.Session{
		ID: c.id, PID: c.pid.Id, Client: c.peer[client].String(), State: c.now().String(),
		BytesClientToServer: c.flow[up].Moved(), BytesServerToClient: c.flow[down].Moved(),
		Age: duration(now - c.opened), Idle: duration(now - last),
	}
	if c.peer[server].IsValid() {
		e.Server = c.peer[server].String()
	}
	e.AgeSeconds, e.IdleSeconds = e.Age.Seconds(), e.Idle.Seconds()
	return e
}

// node is the session's part of the tree.
func (c *connection) node() messages.Node {
	n := messages.Node{
		PID: c.pid.Id, Kind: "session", State: c.now().String(), Restarts: c.lives - 1, Strategy: c.lane.hub.strategy.name,
		Mailbox: c.box.UserMessageCount(), Children: []messages.Node{},
	}
	for r := range roles {
		if c.crew[r].pid != nil {
			n.Children = append(n.Children, c.memberNode(r))
		}
	}
	return n
}

func (c *connection) memberNode(r role) messages.Node {
	m := &c.crew[r]
	kind := "reader"
	if r == serverWriter || r == clientWriter {
		kind = "writer"
	}
	return messages.Node{
		PID: m.pid.Id, Kind: kind, State: c.memberState(r), Restarts: max(m.lives, 1) - 1, Mailbox: m.box.UserMessageCount(),
		Children: []messages.Node{},
	}
}

// memberState is what a child does: running; suspended (it failed, and its supervisor has not answered yet); delayed (it waits for its restart, see
// backoff); stopping.
func (c *connection) memberState(r role) string {
	switch m := &c.crew[r]; {
	case c.delay(r) != nil:
		return "delayed"
	case m.box.is(stopping | doomed):
		return "stopping"
	case m.box.is(suspended):
		return "suspended"
	}
	return "running"
}

// describe is the listener's own part of the tree.
func (l *Listener) describe() messages.Node {
	h := l.hub
	root := messages.Node{PID: h.listener.Id, Kind: "listener", State: stageNames[l.draining], Strategy: directiveName(h.sessions), Mailbox: h.lanes[0].turn.UserMessageCount(), Children: []messages.Node{}}
	if l.draining == serving {
		state := "accepting"
		if h.paused {
			state = "paused"
		}
		root.Children = append(root.Children, messages.Node{PID: h.acceptor.Id, Kind: "acceptor", State: state, Restarts: max(h.acceptorLives, 1) - 1, Mailbox: h.acceptorBox.UserMessageCount(), Children: []messages.Node{}})
	}
	return root
}

func duration(ns int64) time.Duration { return time.Duration(max(ns, 0)) }
