package actors

import "tcpproxy/actors/internal/wire"

// lane is one readiness loop: the goroutine on which the actors of an endpoint take turns.
type lane struct {
	loop   *wire.Loop
	making *child // whom the actor being made is for; see declare
	at     Point  // the seam that Config.Fault is being called at, + 1; 0 = none. It stays if that panics
}

// newLane makes a lane whose flows may use so many kernel pipes.
func newLane(pipes int) (*lane, error) {
	loop, err := wire.NewLoop(pipes)
	if err != nil {
		return nil, err
	}
	return &lane{loop: loop}, nil
}

// discard gives up a lane that has never run.
func (l *lane) discard() {
	l.loop.Close()
	l.loop.Run()
}

// do has a function run on the lane's goroutine, between two turns. It must not block or panic. From any goroutine; it does not wait, and
// once the loop has ended it does nothing.
func (l *lane) do(f func()) {
	t := new(wire.Task)
	t.Bind(runner(f))
	l.loop.Post(t)
}

// runner is a function as a wire.Runner.
type runner func()

// Run calls it.
func (r runner) Run() { r() }
