package actors

// Point names a place in an actor's code at which Config.Fault is called. Each stands where a crash would be most awkward: a system
// call has been made and nobody has been told yet, or the other way round.
type Point uint8

const (
	// PointStarted: any actor, first thing in a new incarnation.
	PointStarted Point = iota
	// PointRestarting: any actor, in the incarnation that is being replaced.
	PointRestarting
	// PointStopping: any actor, first thing when it is told to stop.
	PointStopping
	// PointStopped: any actor, last thing of all.
	PointStopped
	// PointBeforeRead: reader, about to read.
	PointBeforeRead
	// PointAfterRead: reader; bytes are in the flow, the writer has not been rung.
	PointAfterRead
	// PointBeforeEnd: reader; the end of the stream was seen, and not marked in the flow yet.
	PointBeforeEnd
	// PointAfterEnd: reader; the end is marked, the writer has not been rung.
	PointAfterEnd
	// PointBeforeWrite: writer, about to write.
	PointBeforeWrite
	// PointBetweenWrites: writer, after a write that took a part of the chunk.
	PointBetweenWrites
	// PointAfterWrite: writer; the flow is empty, the reader has not been rung.
	PointAfterWrite
	// PointBeforeShutdown: writer; the flow has ended, and the FIN has not been sent.
	PointBeforeShutdown
	// PointAfterShutdown: writer; the FIN is sent, the session has not been told.
	PointAfterShutdown
	// PointConnect: session, about to connect.
	PointConnect
	// PointConnected: session; the destination has accepted, the children are not spawned.
	PointConnected
	// PointReview: session, about to decide whether it goes on.
	PointReview
	// PointBeforeAccept: acceptor, about to accept.
	PointBeforeAccept
	// PointAfterAccept: acceptor; a client has been accepted, the listener has not been rung.
	PointAfterAccept
	// PointBeforeSpawn: listener; a client that has been accepted waits for its session.
	PointBeforeSpawn
	// PointAfterSpawn: listener; its session has been spawned.
	PointAfterSpawn

	points // the number of points
)

var pointNames = [points]string{
	"started", "restarting", "stopping", "stopped", "before-read", "after-read", "before-end", "after-end", "before-write",
	"between-writes", "after-write", "before-shutdown", "after-shutdown", "connect", "connected", "review", "before-accept",
	"after-accept", "before-spawn", "after-spawn",
}

// String is the point's name, as in "after-read".
func (p Point) String() string {
	if p >= points {
		return "unknown"
	}
	return pointNames[p]
}

// Points are all points, for tests that visit each.
func Points() []Point {
	all := make([]Point, points)
	for i := range all {
		all[i] = Point(i)
	}
	return all
}
