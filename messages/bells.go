package messages

// The messages below are doorbells: they carry no bytes and no state, only "look again". What there is to see stands in the session's
// connection, so losing one to a crash, or ringing twice, harms nothing. Mailboxes keep each as one bit. None counts as activity.

// Readable: readiness loop → reader (its socket has something to read), or → acceptor (clients wait in the backlog); also a reader or
// the acceptor to itself, to go on after everyone else had a turn.
type Readable struct{}

// Writable: readiness loop → writer. Its socket has space again.
type Writable struct{}

// Filled: reader → writer. The flow between them holds bytes, or has ended.
type Filled struct{}

// Drained: writer → reader. The flow between them is empty, and the reader wanted to know.
type Drained struct{}

// Revive: supervisor → child, after a Resume. The message that the child died in is lost, so it looks at everything again, as after a
// start, and rings those who may wait for the bell that it owed them.
type Revive struct{}

// RestartDue: timer → supervisor. The delay before a child's restart is over; the supervisor looks whose.
type RestartDue struct{}

// Review: a child, or a socket during connecting → session. A flow or a socket has come to an end, or an attempt to connect has an
// answer; the session looks which.
type Review struct{}

// Active: child → session. The first byte moved since the session last found everything quiet, so it must keep watch again.
type Active struct{}

// Arrived: acceptor → listener. Clients have been accepted and wait for their sessions.
type Arrived struct{}

// IgnoreDeadLetterLogging tells the library that a bell that nobody hears is no news.
func (Readable) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging: see Readable.
func (Writable) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging: see Readable.
func (Filled) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging: see Readable.
func (Drained) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging: see Readable.
func (Revive) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging: see Readable.
func (RestartDue) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging: see Readable.
func (Review) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging: see Readable.
func (Active) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging: see Readable.
func (Arrived) IgnoreDeadLetterLogging() {}
