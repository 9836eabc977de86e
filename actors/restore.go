package actors

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/actors/survival"
	"tcpproxy/messages"
)

// Going on where the process before this one has ended: endpoints and connections are made from what it has left behind, and from what
// the system says of the sockets. Then actors are made for them as a new listener makes them for what another has left; see
// Listener.spawnMissing. All of this is done before any loop runs.

// errFatal is why a connection is given up whose restoring ended the process before this one.
var errFatal = errors.New("restoring it ended the process")

// errUnlike says that a record names a descriptor that is another socket's.
var errUnlike = errors.New("its sockets are not what they were")

// fromBefore is set in connection.early if the process before this one made the connection: nothing that the loop told that one is told
// again, so the actors look at everything when they start.
const fromBefore wire.Event = 1 << 7

func (c *connection) restored() bool { return c.early[client]&fromBefore != 0 }

// restorer makes the endpoints of a proxy what they were.
type restorer struct {
	*shared
	worker   *survival.Worker
	memory   *survival.Memory
	suspect  uint32 // the record that the process before was restoring when it ended, + 1; 0 = it was not
	deaths   uint64 // how many processes in a row have ended in restoring that one
	named    map[int]bool
	restored int // sessions that go on
}

func newRestorer(s *shared) *restorer {
	m := s.cfg.Survival.Memory()
	r := &restorer{shared: s, worker: s.cfg.Survival, memory: m, named: map[int]bool{}}
	if before := m.Restoring.Load(); before != 0 {
		r.suspect, r.deaths = uint32(before), before>>32+1
	}
	return r
}

// run restores all endpoints, and closes what belongs to nobody.
func (r *restorer) run() {
	for _, e := range r.endpoints {
		r.endpoint(e)
	}
	r.memory.Restoring.Store(0)
	r.worker.Sweep(func(fd int) bool { return r.named[fd] }, r.unnamed)
}

func (r *restorer) endpoint(e *endpoint) {
	e.served, e.stage = e.table.Served.Load(), min(stage(e.table.Stage.Load()), ending)
	e.announced = true
	if e.fd >= 0 {
		r.named[e.fd] = true
	}
	live := e.table.Live()
	slices.SortFunc(live, func(a, b int) int { return int(int64(e.table.Records[a].ID - e.table.Records[b].ID)) })
	flows := wire.NewRestorer(e.lane.loop)
	for _, number := range live {
		r.connection(e, flows, number, r.isDeadly(e.index*len(e.table.Records)+number))
	}
	for fd := range flows.Pipes() {
		r.named[fd] = true
	}
	flows.Done()
}

// deathsEnough is how many processes in a row must have ended in restoring one connection to blame that connection. One or two may have
// been killed by somebody who does not care when.
const deathsEnough = 3

// isDeadly notes which record is about to be restored, and reports whether that has ended too many processes.
func (r *restorer) isDeadly(number int) bool {
	this, deaths := uint64(number)+1, uint64(0)
	if uint32(this) == r.suspect {
		deaths = r.deaths
	}
	r.memory.Restoring.Store(this | deaths<<32)
	if deaths > 0 && deaths >= min(deathsEnough, uint64(r.cfg.MaxRestarts)) {
		return true
	}
	wire.Seam("restore: about to restore")
	return false
}

// connection restores one connection. If that cannot be done, both its peers are reset, and no other connection hears of it.
func (r *restorer) connection(e *endpoint, flows *wire.Restorer, number int, deadly bool) {
	record := &e.table.Records[number]
	ours := (record.ID-1)%uint64(len(r.endpoints)) == uint64(e.index)
	if !record.Check() || !ours || e.connections[record.ID] != nil {
		e.log.Error("the record of a session is damaged, and the session is lost", "record", number)
		e.table.Give(number)
		return // its sockets, whichever they are, have no name now; see unnamed
	}
	c := newConnection(e, record.ID, arrival{fd: int(record.ClientFD), from: record.Client()})
	c.opened = record.Opened
	for d := range sides {
		c.flow[d].Keep(number*int(sides) + int(d))
	}
	c.cause, c.told = messages.Cause(record.Cause()), record.Marks()&survival.MarkTold != 0
	e.enlist(c)
	var err error
	switch {
	case c.cause != messages.CauseNone:
		r.closeRest(c, record)
		return
	case deadly:
		err = errFatal
	default:
		err = r.revive(c, flows, record, number)
	}
	if err != nil {
		r.giveUp(c, record, err)
		return
	}
	r.named[int(record.ClientFD)] = true
	r.restored++
}

// revive makes the sockets and flows of a connection that goes on.
func (r *restorer) revive(c *connection, flows *wire.Restorer, record *survival.Record, number int) error {
	if !wire.IsPeer(int(record.ClientFD), record.Client()) {
		return errUnlike
	}
	c.early[client] |= fromBefore
	if record.Marks()&survival.MarkConnected == 0 {
		return nil // it goes on connecting, with a new socket
	}
	fd := [sides]int{int(record.ClientFD), int(record.ServerFD)}
	c.peer[server] = record.Server()
	if !wire.IsPeer(fd[server], c.peer[server]) {
		return errUnlike
	}
	marks := record.Marks()
	var truth [sides]wire.Truth
	for s := range sides {
		var err error
		if truth[s], err = wire.Ask(fd[s], s == server); err != nil {
			return err
		}
		truth[s] = truth[s].KnowingFinOut(marks&(survival.MarkShutUp<<s.other()) != 0)
	}
	for d := range sides {
		truth[d] = flows.Settle(number*int(sides)+int(d), truth[d], truth[d.other()])
	}
	for d := range sides {
		past := wire.Past{
			From: truth[d], To: truth[d.other()],
			Cut:       marks&(survival.MarkCutUp<<d) != 0,
			Delivered: marks&(survival.MarkShutUp<<d) != 0,
		}
		if err := flows.Flow(&c.flow[d], number*int(sides)+int(d), past); err != nil {
			return err
		}
		c.shut[d] = past.Delivered && past.To.FinOut
	}
	for s := range sides {
		c.failed[s] = errnum(record.Failed[s].Load())
		if c.failed[s] == 0 && truth[s].WasReset() {
			c.failed[s] = errnum(syscall.ECONNRESET) // the process before was told so, and nobody will be again
		}
	}
	c.fd = -1
	c.state = stateOf(marks)
	for s := range sides {
		handler := [...]wire.Handler{(*clientSide)(c), (*serverSide)(c)}[s]
		if err := c.socket[s].Open(c.endpoint.lane.loop, fd[s], handler); err != nil {
			return err
		}
		c.socket[s].Fail(syscall.Errno(c.failed[s]))
		r.named[fd[s]] = true
	}
	r.progress(c, record)
	return nil
}

// stateOf is the state that marks tell of a connection that is connected; see markOf.
func stateOf(m survival.Marks) state {
	switch {
	case m&survival.MarkDelivering != 0:
		return delivering
	case m&survival.MarkLingering != 0:
		return lingering
	default:
		return relaying
	}
}

// progress restores how the bytes were getting on. The gap between the processes is nobody's silence: the loops' clocks stood still.
func (r *restorer) progress(c *connection, record *survival.Record) {
	p := &c.progress
	now := c.endpoint.lane.loop.Now()
	for d := range sides {
		p.moved[d] = min(record.Moved[d].Load(), now)
		unsent := c.socket[d.other()].Unsent()
		p.taken[d] = int64(c.flow[d].Moved()) - int64(unsent)
		p.waits[d] = unsent > 0 || c.flow[d].Held()
		if at, same := record.LastTook(int(d), p.taken[d]); same {
			p.takenAt[d] = min(at, now)
		} else if p.taken[d] > 0 || p.waits[d] {
			p.takenAt[d] = now // the peer took some since somebody last looked, or nobody has looked yet
		}
		c.keepTaken(d)
	}
	p.at = now
}

// closeRest ends a connection that was being closed: it closes those of its sockets that the process before had not closed yet.
func (r *restorer) closeRest(c *connection, record *survival.Record) {
	fds := [sides]int{int(record.ClientFD), -1}
	c.fd = -1
	if record.Marks()&survival.MarkConnected != 0 {
		c.peer[server] = record.Server()
		fds[server] = int(record.ServerFD)
	}
	orderly := c.orderly()
	for s, fd := range fds {
		switch {
		case fd < 0 || r.named[fd] || !wire.IsPeer(fd, c.peer[s]):
		case orderly:
			wire.CloseDescriptor(fd)
		default:
			wire.ResetDescriptor(fd)
		}
	}
	r.ended(c)
}

// giveUp resets both peers of a connection that cannot go on.
func (r *restorer) giveUp(c *connection, record *survival.Record, why error) {
	for s := range sides {
		if c.socket[s].IsOpen() {
			c.socket[s].Reset()
		}
	}
	c.settle(messages.CauseSupervision, fmt.Errorf("not restored: %w", why))
	for d := range sides {
		c.flow[d].Discard(c.endpoint.lane.loop)
	}
	r.closeRest(c, record)
}

// ended has the last act of a connection done as soon as its loop runs.
func (r *restorer) ended(c *connection) {
	c.state = closing
	e := c.endpoint
	c.session.pid = e.system.NewLocalPID(e.name + "/" + sessionName(c.id))
	e.lane.do(func() { // before the listener is made, which would make a session for it
		c.publishClosed()
		e.remove(c)
	})
}

// unnamed is told of every descriptor that no record names. A client that was accepted a moment before becomes a session. Whatever
// else it is belongs to nobody: a connection to the destination that was in the making, an empty pipe, or the socket of a session whose
// record is damaged.
func (r *restorer) unnamed(fd int) {
	local, from, ok := wire.IsConnected(fd)
	if !ok {
		wire.CloseDescriptor(fd)
		return
	}
	if from.IsValid() && local.Port() == r.addr.Port() && r.isNew(fd) {
		e := r.endpoints[fd%len(r.endpoints)]
		if e.stage == serving {
			e.accepted = append(e.accepted, arrival{fd, from})
			return
		}
	}
	wire.ResetDescriptor(fd)
}

// isNew reports whether nobody has read from a client, or written to it.
func (r *restorer) isNew(fd int) bool {
	t, err := wire.Ask(fd, false)
	return err == nil && t.Taken == 0 && t.Given == 0
}
