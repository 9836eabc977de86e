package actors

import (
	"context"
	"sync"
	"time"

	"tcpproxy/actors/internal/wire"
)

const (
	// sliceTime is how long a survey may hold a lane at a time.
	sliceTime = 200 * time.Microsecond
	// sliceLook is how many connections are visited between two looks at the clock.
	sliceLook = 16
	// surveyShare is which part of a lane's time surveys may take when people ask without end: one in so many.
	surveyShare = 40
	// surveyRest is how long they have to wait for that at most.
	surveyRest = 200 * time.Millisecond
)

// surveyor answers those who ask what there is: all of them by one survey at a time. Whoever asks while one is under way shares the next
// one, so that the answer is never older than the question. Between two surveys the lanes have a rest, in proportion to what the last one
// cost them: however many ask, and however often, the sessions keep their time.
type surveyor struct {
	shared *shared

	mu   sync.Mutex
	next *survey // has not begun; nil if nobody has asked for it
	busy bool    // a goroutine sees to the surveys
}

// survey is what there was when somebody asked: a copy, which no actor touches any more.
type survey struct {
	askers int // that still wait; under surveyor.mu
	done   chan struct{}
	parts  []part // by endpoint
	told   told   // what has been made of it, for all who asked
}

// ask waits for an answer. From any goroutine but a lane's.
func (s *surveyor) ask(ctx context.Context) (*survey, error) {
	s.mu.Lock()
	if s.next == nil {
		s.next = &survey{done: make(chan struct{})}
		if !s.busy {
			s.busy = true
			go s.run()
		}
	}
	q := s.next
	q.askers++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		q.askers--
		s.mu.Unlock()
	}()
	select {
	case <-q.done:
		return q, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.shared.done:
		return nil, ErrStopped
	}
}

// run makes surveys, one after the other, until nobody asks.
func (s *surveyor) run() {
	for {
		s.mu.Lock()
		q := s.next
		s.next = nil
		if q != nil && q.askers == 0 {
			q = nil // all of them have gone
		}
		if q == nil {
			s.busy = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		cost, ok := s.make(q)
		if !ok {
			s.mu.Lock()
			s.busy = false
			s.mu.Unlock()
			return
		}
		close(q.done)
		s.rest(min(surveyRest, (surveyShare-1)*cost))
	}
}

// rest waits, unless the proxy stops.
func (s *surveyor) rest(d time.Duration) {
	if d < time.Millisecond {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.shared.done:
	}
}

// make visits all lanes at once, and returns the most time that it took any of them; false if the proxy has stopped.
func (s *surveyor) make(q *survey) (cost time.Duration, ok bool) {
	q.parts = make([]part, len(s.shared.endpoints))
	visits := make([]visit, len(q.parts))
	for i, e := range s.shared.endpoints {
		v := &visits[i]
		*v = visit{endpoint: e, part: &q.parts[i], done: make(chan struct{})}
		v.task.Bind(v)
		e.lane.loop.Post(&v.task)
	}
	for i := range visits {
		select {
		case <-visits[i].done:
			cost = max(cost, visits[i].cost)
			q.parts[i].sort()
		case <-s.shared.done:
			return 0, false
		}
	}
	return cost, true
}

// visit copies what there is on one lane, in slices: between two of them everybody else has a turn.
type visit struct {
	task     wire.Task
	endpoint *endpoint
	part     *part
	begun    bool
	cost     time.Duration
	done     chan struct{}
}

// Run is called by the loop, for each slice.
func (v *visit) Run() {
	e, begin := v.endpoint, time.Now()
	if !v.begun {
		v.begun = true
		e.describe(v.part)
		e.visiting = e.newest
	}
	for n := 1; e.visiting != nil; n++ {
		c := e.visiting
		e.visiting = c.next
		v.part.sessions = append(v.part.sessions, c.describe())
		if n%sliceLook == 0 && time.Since(begin) >= sliceTime {
			break
		}
	}
	v.cost += time.Since(begin)
	if e.visiting == nil {
		close(v.done)
		return
	}
	e.lane.loop.Yield()
	e.lane.loop.Post(&v.task)
}
