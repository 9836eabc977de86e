package actors

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"tcpproxy/messages"
)

// What a survey copies on the lanes, and what is made of it elsewhere.

// part is what there is on one lane.
type part struct {
	listener actorRecord
	helpers  []actorRecord
	sessions []sessionRecord
}

type actorRecord struct {
	role     Role
	pid      string
	state    string
	restarts uint32
	mailbox  int
	strategy string
}

type sessionRecord struct {
	actorRecord
	id       uint64
	peer     [sides]addrPort
	moved    [sides]uint64
	age      time.Duration
	idle     time.Duration
	children [roles - RoleClientReader]actorRecord // without a PID if there is none yet
}

// sort puts the sessions in order, once, before anybody who asked is shown them: from then on nobody changes a part.
func (p *part) sort() {
	slices.SortFunc(p.sessions, func(a, b sessionRecord) int { return cmp.Compare(a.id, b.id) })
}

// describe is called on the lane's goroutine.
func (e *endpoint) describe(p *part) {
	p.sessions = make([]sessionRecord, 0, len(e.connections))
	p.listener = e.listener.describe(e)
	p.listener.strategy = e.sessionStrategy.Name
	if p.listener.state == "running" {
		p.listener.state = stageNames[e.stage]
	}
	if e.stage != serving {
		return
	}
	for _, c := range e.helpers() {
		if c.pid == nil {
			continue
		}
		r := c.describe(e)
		if c.role == RoleAcceptor && r.state == "running" {
			r.state = "accepting"
			if e.paused {
				r.state = "paused"
			}
		}
		p.helpers = append(p.helpers, r)
	}
}

// describe is called on the lane's goroutine.
func (c *child) describe(e *endpoint) actorRecord {
	return actorRecord{role: c.role, pid: c.pid.Id, state: c.state(e), restarts: c.restarts(), mailbox: c.box.UserMessageCount()}
}

// describe is called on the lane's goroutine.
func (c *connection) describe() sessionRecord {
	e := c.endpoint
	now := int64(e.lane.loop.Since())
	last := max(c.opened, c.progress.moved[up], c.progress.moved[down])
	r := sessionRecord{
		actorRecord: c.session.describe(e), id: c.id, peer: c.peer,
		moved: [sides]uint64{c.flow[up].Moved(), c.flow[down].Moved()},
		age:   time.Duration(max(now-c.opened, 0)), idle: time.Duration(max(now-last, 0)),
	}
	if r.state == "running" || c.state == closing {
		r.state = c.state.String()
	}
	r.strategy = e.supervision.Load().Name
	for i := range c.children {
		if c.children[i].pid != nil {
			r.children[i] = c.children[i].describe(e)
		}
	}
	return r
}

// told is made of a survey once, on the goroutine of whoever is the first to want it.
type told struct {
	listOnce, treeOnce sync.Once
	list               messages.Sessions
	tree               messages.Node
}

// list is all sessions, by number.
func (s *survey) list() messages.Sessions {
	s.told.listOnce.Do(func() {
		all := messages.Sessions{}
		for i := range s.parts {
			for j := range s.parts[i].sessions {
				all = append(all, s.parts[i].sessions[j].entry())
			}
		}
		slices.SortFunc(all, func(a, b messages.Session) int { return cmp.Compare(a.ID, b.ID) })
		s.told.list = all
	})
	return s.told.list
}

// entry is the session's line in a list.
func (r *sessionRecord) entry() messages.Session {
	s := messages.Session{
		ID: r.id, PID: r.pid, Client: r.peer[client].String(), State: r.state,
		BytesClientToServer: r.moved[up], BytesServerToClient: r.moved[down],
		Age: r.age, Idle: r.idle, AgeSeconds: r.age.Seconds(), IdleSeconds: r.idle.Seconds(),
	}
	if r.peer[server].IsValid() {
		s.Server = r.peer[server].String()
	}
	return s
}

// tree is every actor. With several listeners the guardian is its root.
func (s *survey) tree() messages.Node {
	s.told.treeOnce.Do(func() {
		var listeners []messages.Node
		for i := range s.parts {
			listeners = append(listeners, s.parts[i].node())
		}
		if len(listeners) == 1 {
			s.told.tree = listeners[0]
			return
		}
		s.told.tree = messages.Node{PID: guardianPID, Kind: guardianPID, State: "running", Strategy: "guardian", Children: listeners}
	})
	return s.told.tree
}

// node makes thousands of nodes in a few allocations: they are garbage soon, and collecting it takes time that sessions want.
func (p *part) node() messages.Node {
	root := p.listener.node()
	root.Children = make([]messages.Node, 0, len(p.helpers)+len(p.sessions))
	for _, h := range p.helpers {
		root.Children = append(root.Children, h.node())
	}
	const each = int(roles - RoleClientReader)
	room := make([]messages.Node, each*len(p.sessions))
	for i := range p.sessions {
		r := &p.sessions[i]
		n := r.node()
		n.Children, room = room[:0:each], room[each:]
		for _, c := range r.children {
			if c.pid != "" {
				n.Children = append(n.Children, c.node())
			}
		}
		root.Children = append(root.Children, n)
	}
	return root
}

func (r actorRecord) node() messages.Node {
	return messages.Node{
		PID: r.pid, Kind: tree[r.role].kind, State: r.state, Restarts: r.restarts, Strategy: r.strategy, Mailbox: r.mailbox,
		Children: []messages.Node{},
	}
}
