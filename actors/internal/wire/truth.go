package wire

// Truth is what the system knows of a TCP connection, whoever used it and however that one ended. Ask asks for it.
//
// Its counts are exact, to the byte. Taken and Given do not change while nobody reads and nobody writes, whatever the peer does.
type Truth struct {
	// Taken is how many bytes have ever been read from the socket, the end of the stream not counted; Given is how many it has ever
	// accepted for sending.
	Taken, Given uint64
	// Unread is how many bytes wait to be read, as of the moment.
	Unread int
	// FinIn: the peer has ended its direction, whether or not that has been read. FinOut: ours has been ended, whether or not the peer
	// knows.
	FinIn, FinOut bool
	// Connecting: the connection is not there yet.
	Connecting bool
	// Closed: the system has done with the connection: it failed, or both directions ended.
	Closed bool
	// Failing: an error is pending that nobody has been told. Asking has not taken it away.
	Failing bool
	// TakenUnsure: the system does not say whether the peer ended its direction. FinIn is false; should it be true, Taken is one less.
	// GivenUnsure: likewise FinOut and Given. Both only of a connection that is Closed; see KnowingTaken, KnowingGiven, KnowingFinOut.
	TakenUnsure, GivenUnsure bool
}

// KnowingTaken settles what is unsure by how many bytes the caller knows to have been taken. It is false if that cannot be.
func (t Truth) KnowingTaken(n uint64) (Truth, bool) {
	if t.TakenUnsure && n+1 == t.Taken {
		t.Taken, t.FinIn = n, true
	}
	t.TakenUnsure = t.TakenUnsure && n != t.Taken
	return t, n == t.Taken
}

// KnowingGiven settles what is unsure by how many bytes the caller knows to have been given. It is false if that cannot be. Whoever ends a
// direction only when all is passed on knows that, if it has ended: it is what was taken at the other side.
func (t Truth) KnowingGiven(n uint64) (Truth, bool) {
	if t.GivenUnsure && n+1 == t.Given {
		t.Given, t.FinOut = n, true
	}
	t.GivenUnsure = t.GivenUnsure && n != t.Given
	return t, n == t.Given
}

// KnowingFinOut settles what is unsure by whether the caller knows to have ended its direction while the connection stood. Of a connection
// that is Closed nobody knows better: the system does not say, so that Ask must infer it. Of any other it does, and nothing is changed.
func (t Truth) KnowingFinOut(ended bool) Truth {
	if !t.Closed {
		return t
	}
	switch {
	case ended && !t.FinOut:
		t.Given--
	case !ended && t.FinOut:
		t.Given++
	}
	t.FinOut, t.GivenUnsure = ended, false
	return t
}
