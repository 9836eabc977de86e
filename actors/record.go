package actors

import (
	"tcpproxy/actors/internal/wire"
	"tcpproxy/actors/survival"
)

// What a connection writes down so that it outlives the process; see package survival. All of it is for the lane's goroutine, and does
// nothing for a connection without a record: there is none unless Config.Survival asks for it.
//
// The rule for the order of store and system call: what is about to be done is written down before, if a successor could not see that it
// was done; what has come of it after.

// record is the connection's record; nil if it has none.
func (c *connection) record() *survival.Record {
	if number := c.flow[up].Kept(); number >= 0 {
		return &c.endpoint.table.Records[number/int(sides)]
	}
	return nil
}

// keep gives a new connection a record. If none is left, the connection ends with the process.
func (e *endpoint) keep(c *connection) {
	if e.table == nil {
		return
	}
	number := e.table.Take()
	if number < 0 {
		return
	}
	for d := range sides {
		flow := number*int(sides) + int(d)
		e.table.Notes[flow].Reset()
		c.flow[d].Keep(flow)
	}
	wire.Seam("accept: record taken")
	e.table.Records[number].Open(c.id, int(c.fd), c.peer[client], c.opened)
	wire.Seam("accept: record opened")
}

// forgetRecord frees the record of a connection that is over.
func (c *connection) forgetRecord() {
	number := c.flow[up].Kept()
	if number < 0 {
		return
	}
	for d := range sides {
		c.flow[d].Keep(-1)
	}
	c.endpoint.table.Give(number / int(sides))
	wire.Seam("close: record freed")
}

// mark sets marks in the record.
func (c *connection) mark(m survival.Marks) {
	if r := c.record(); r != nil {
		r.Mark(m)
	}
}

// keepServer writes down the server's side.
func (c *connection) keepServer(now int64) {
	if r := c.record(); r != nil {
		wire.Seam("connect: about to be noted")
		r.Connect(c.socket[server].Descriptor(), c.peer[server], now)
		wire.Seam("connect: noted")
	}
}

// keepCause writes down why the connection ends: whoever finds that closes what is still open.
func (c *connection) keepCause() {
	if r := c.record(); r != nil {
		r.End(uint8(c.cause))
		wire.Seam("close: cause noted")
	}
}

// keepMoved writes down when a direction last moved, and keepTaken when its sink last took some.
func (c *connection) keepMoved(d side) {
	if r := c.record(); r != nil {
		r.Moved[d].Store(c.progress.moved[d])
	}
}

func (c *connection) keepTaken(d side) {
	if r := c.record(); r != nil {
		r.Took(int(d), c.progress.takenAt[d], c.progress.taken[d])
	}
}

// fail notes that a side was reset. The system tells that once.
func (c *connection) fail(s side, with errnum) {
	if c.failed[s] != 0 {
		return
	}
	c.failed[s] = with
	if r := c.record(); r != nil {
		r.Failed[s].Store(uint32(with))
		wire.Seam("fill: failure noted")
	}
}

// cut gives up a direction whose sink takes no more. The mark comes first: what the flow holds is gone afterwards.
func (c *connection) cut(direction side) {
	c.mark(survival.MarkCutUp << direction)
	wire.Seam("cut: noted")
	c.flow[direction].Cut(c.endpoint.lane.loop)
}

// markOf is how a state is written down, if it is one that the flows do not tell.
func markOf(s state) survival.Marks {
	switch s {
	case delivering:
		return survival.MarkDelivering
	case lingering:
		return survival.MarkLingering
	default:
		return 0
	}
}
