package admin

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// shareFor is how much older than the question an answer may be.
	shareFor = 100 * time.Millisecond
	// makingShare is which part of the time answers to a question may be in the making: one in so many. The rest is the sessions'.
	makingShare = 8
	// makingRest bounds how long one who asks waits for that.
	makingRest = 500 * time.Millisecond
)

// answers are those to one question, as JSON. With thousands of sessions it takes a processor long to write one, so it is not done for
// each who asks: one answer is made at a time, and all share it who may. Whoever has changed something sees it in the next answer.
type answers struct {
	ask      func(ctx context.Context) (any, error)
	patience time.Duration   // for ask
	changes  *atomic.Uint64  // counts what callers have changed
	closed   <-chan struct{} // ends one that is being written

	mu   sync.Mutex
	last *answer   // the last one that was begun; nil if there is none to share
	rest time.Time // until when none may be begun
}

type answer struct {
	begun   time.Time
	changes uint64 // that had been made by then
	done    chan struct{}
	told    // not to be changed
	err     error
}

// errUnmade is what those who wait are told if ask panics.
var errUnmade = errors.New("the answer could not be made")

// get returns an answer that was begun shareFor before the call at the earliest, and after the last change.
func (a *answers) get(ctx context.Context) (*answer, error) {
	asked, changes := time.Now(), a.changes.Load()
	for {
		it, mine := a.join(asked, changes)
		if mine {
			a.make(it)
		} else {
			select {
			case <-it.done:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if it.goodFor(asked, changes) {
			return it, it.err
		}
	}
}

// join returns the last answer if it is good for somebody who asked at that time, or has to be waited for, since there is but one at
// a time. Otherwise it returns a new one for the caller to make.
func (a *answers) join(asked time.Time, changes uint64) (it *answer, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if it := a.last; it != nil && (it.goodFor(asked, changes) || !it.isDone()) {
		return it, false
	}
	a.last = &answer{begun: time.Now(), changes: a.changes.Load(), done: make(chan struct{}), err: errUnmade}
	return a.last, true
}

// make asks, on the time of the first who wants to know, but not at his mercy: if he goes away the others still get their answer.
func (a *answers) make(it *answer) {
	defer func() {
		if it.err != nil {
			a.drop(it) // for those who wait; the next one who comes may have more luck
		} else {
			time.AfterFunc(shareFor-time.Since(it.begun), func() { a.drop(it) }) // it may be megabytes
		}
		close(it.done)
	}()
	a.mu.Lock()
	wait := time.Until(a.rest)
	a.mu.Unlock()
	if wait > 0 {
		time.Sleep(wait)
		a.mu.Lock()
		it.begun, it.changes = time.Now(), a.changes.Load()
		a.mu.Unlock()
	}
	begun := time.Now()
	defer func() {
		a.mu.Lock()
		a.rest = time.Now().Add(min(makingRest, (makingShare-1)*time.Since(begun)))
		a.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), a.patience)
	defer cancel()
	what, err := a.ask(ctx)
	if err == nil {
		it.told, err = encode(what, a.closed)
	}
	it.err = err
}

func (a *answers) drop(it *answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == it {
		a.last = nil
	}
}

func (it *answer) goodFor(asked time.Time, changes uint64) bool {
	return it.changes >= changes && asked.Sub(it.begun) <= shareFor
}

func (it *answer) isDone() bool {
	select {
	case <-it.done:
		return true
	default:
		return false
	}
}
