package actors

// Balance between several listeners. The system shares out clients among their sockets by a hash of the addresses: about evenly in the
// long run, but blindly. So an acceptor gives a client away when its own loop is far worse off than another. That is the one time when
// a session's birth crosses from one lane to another, and in balance it does not happen.

const (
	// sessionsMore is by how many sessions, beside a quarter of the other's, a lane must be ahead of another to give a client away.
	sessionsMore = 4
	// loadMore is from which load in percent a lane is busy enough to give a client to one that has half of that load.
	loadMore = 80
)

// roomiest is the endpoint that shall have a new client: this one, unless another is far better off.
func (e *endpoint) roomiest() *endpoint {
	best := e
	for _, other := range e.endpoints {
		if other != e && other.takes.Load() && e.worseOffThan(other) && (best == e || other.live.Load() < best.live.Load()) {
			best = other
		}
	}
	return best
}

func (e *endpoint) worseOffThan(other *endpoint) bool {
	mine, theirs := e.live.Load()+int64(len(e.accepted)), other.live.Load()
	if mine > theirs+theirs/4+sessionsMore {
		return true
	}
	return e.lane.loop.Load() >= loadMore && other.lane.loop.Load() <= loadMore/2
}

// handOver gives an accepted client to another lane, whose listener resets it should it be on its way out.
func (e *endpoint) handOver(to *endpoint, a arrival) {
	e.handedOver.Add(1)
	to.lane.do(func() {
		to.accepted = append(to.accepted, a)
		to.listener.ring(arrived)
	})
}
