package actors

// The whole tree, declared from the top down: for every place its name, who supervises it and by which decision (see supervision.go), and
// what each incarnation is made of. Nothing else makes an actor.
//
//	guardian                        the root: not an actor, so nobody can kill it; see guardian.go
//	└── listener                    superviseListener
//	    ├── acceptor                superviseHelper
//	    ├── chaos                   superviseHelper
//	    └── session-42              superviseByChoice, --session-supervision
//	        ├── client-reader       superviseByChoice, --supervision
//	        ├── server-writer       the same
//	        ├── server-reader       the same
//	        └── client-writer       the same
//
// All of this stands once for each listener: there is one to a loop. With a single loop it is called "listener", with several
// "listener-1", "listener-2", and so on. What an incarnation is made of is also all that it keeps: an endpoint outlives the listener, the
// acceptor and chaos; a connection outlives the session and its children. Whatever actor dies, its successor goes on from there.

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
)

// Role is a place in the tree.
type Role uint8

// The places, from the top down; of a session's children in the order in which they are started.
const (
	RoleListener     Role = iota // lets no byte through its hands: it owns the listening socket and makes sessions
	RoleAcceptor                 // accepts clients
	RoleChaos                    // kills the others; with Config.Chaos only
	RoleSession                  // owns one connection
	RoleClientReader             // client socket → flow up
	RoleServerWriter             // flow up → server socket
	RoleServerReader             // server socket → flow down
	RoleClientWriter             // flow down → client socket
	roles
)

// place says what an actor in a place of the tree is called, who answers its failures, and what it is made of.
type place struct {
	name      string                                  // last part of its PID; a session's number follows, a listener's if there are several
	kind      string                                  // in Proxy.Tree
	supervise func(f Failure, chosen Strategy)        // what its supervisor decides when it fails
	decides   string                                  // what messages.ActorFailed then names as the strategy; "" = the chosen one
	incarnate func(e *endpoint, c *child) actor.Actor // what an incarnation is made of: all that it keeps
}

var tree = [roles]place{
	RoleListener: {
		name: "listener", kind: "listener", supervise: superviseListener, decides: "guardian",
		incarnate: func(e *endpoint, _ *child) actor.Actor { return &Listener{endpoint: e} },
	},
	RoleAcceptor: {
		name: "acceptor", kind: "acceptor", supervise: superviseHelper, decides: "helper",
		incarnate: func(e *endpoint, _ *child) actor.Actor { return &Acceptor{endpoint: e} },
	},
	RoleChaos: {
		name: "chaos", kind: "chaos", supervise: superviseHelper, decides: "helper",
		incarnate: func(e *endpoint, _ *child) actor.Actor { return &Chaos{endpoint: e} },
	},
	RoleSession: {
		name: "session-", kind: "session", supervise: superviseByChoice, decides: "session-supervision",
		incarnate: func(_ *endpoint, c *child) actor.Actor { return &Session{conn: c.conn} },
	},
	RoleClientReader: {
		name: "client-reader", kind: "reader", supervise: superviseByChoice,
		incarnate: func(_ *endpoint, c *child) actor.Actor { return Reader{c} },
	},
	RoleServerWriter: {
		name: "server-writer", kind: "writer", supervise: superviseByChoice,
		incarnate: func(_ *endpoint, c *child) actor.Actor { return Writer{c} },
	},
	RoleServerReader: {
		name: "server-reader", kind: "reader", supervise: superviseByChoice,
		incarnate: func(_ *endpoint, c *child) actor.Actor { return Reader{c} },
	},
	RoleClientWriter: {
		name: "client-writer", kind: "writer", supervise: superviseByChoice,
		incarnate: func(_ *endpoint, c *child) actor.Actor { return Writer{c} },
	},
}

// String is the role's name, as in the last part of a PID.
func (r Role) String() string {
	if r == RoleSession {
		return "session"
	}
	return tree[r].name
}

// declare makes the library's descriptions of the actors of one endpoint: one for each place, shared by all actors there, since one for
// each actor would cost a session 1.2 kB. But the library's producers take no argument; so whom the new actor, or the new incarnation,
// is for stands in lane.making meanwhile. It is written here and, before a message that may end in a restart, by the mailbox; and read
// by these two functions only.
func declare(e *endpoint) (props [roles]*actor.Props) {
	for r := range roles {
		props[r] = actor.PropsFromProducer(
			func() actor.Actor { return tree[r].incarnate(e, e.lane.making) },
			actor.WithMailbox(func() actor.Mailbox { return e.lane.making.newMailbox(e) }))
	}
	return props
}

// spawn makes an actor in a place, the first or one that takes the place of another that is gone. ctx is its supervisor's.
func (e *endpoint) spawn(ctx actor.SpawnerContext, c *child, name string) error {
	c.cancelRestart(e)
	before := e.lane.making
	e.lane.making = c
	pid, err := ctx.SpawnNamed(e.props[c.role], name)
	e.lane.making = before
	if err != nil {
		return err // a namesake is alive
	}
	c.pid, c.gone = pid, false
	return nil
}

// The names of the actors, and the calls that make them, from the top down.

func (e *endpoint) spawnListener(g *guardian) error {
	return e.spawn(g, &e.listener, e.name)
}

// spawnHelper makes the acceptor or chaos.
func (e *endpoint) spawnHelper(ctx actor.SpawnerContext, c *child) error {
	return e.spawn(ctx, c, tree[c.role].name)
}

// spawnSession makes the session of a connection: a new one, or one that a session left behind.
func (e *endpoint) spawnSession(ctx actor.SpawnerContext, c *connection) error {
	return e.spawn(ctx, &c.session, sessionName(c.id))
}

func sessionName(id uint64) string { return tree[RoleSession].name + strconv.FormatUint(id, 10) }

// spawnChild makes a session's child.
func (c *connection) spawnChild(ctx actor.SpawnerContext, r Role) error {
	return c.endpoint.spawn(ctx, c.child(r), tree[r].name)
}
