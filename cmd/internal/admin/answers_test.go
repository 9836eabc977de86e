package admin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tcpproxy/messages"
)

// costly is what takes a while to find out, and a while to write as JSON. It is the number of the question.
type costly struct {
	t       *testing.T
	number  uint64
	takes   time.Duration
	writing *atomic.Int32
}

func (c costly) MarshalJSON() ([]byte, error) {
	if c.writing.Add(1) > 1 {
		c.t.Error("two answers are written at once")
	}
	time.Sleep(c.takes)
	c.writing.Add(-1)
	return json.Marshal(c.number)
}

// costlyAnswers counts the questions in asked. Each takes so long to answer, and the answer so long to write.
func costlyAnswers(t *testing.T, asking, writing time.Duration) (a *answers, asked *atomic.Uint64) {
	asked = new(atomic.Uint64)
	writers := new(atomic.Int32)
	return &answers{patience: time.Minute, changes: new(atomic.Uint64), ask: func(context.Context) (any, error) {
		n := asked.Add(1)
		time.Sleep(asking)
		return costly{t, n, writing, writers}, nil
	}}, asked
}

func mustGet(t *testing.T, a *answers) string {
	it, err := a.get(t.Context())
	if err != nil {
		t.Error(err)
		return ""
	}
	return strings.TrimSpace(string(it.text))
}

// The times of the tests below are those of a bubble, in which they pass when everybody waits.

// Many who ask at once get one answer; another is made for those who ask when it is too old.
func TestOneAnswerForManyAskers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, asked := costlyAnswers(t, 20*time.Millisecond, 20*time.Millisecond)
		everybodyGets := func(want string) {
			t.Helper()
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					if got := mustGet(t, a); got != want {
						t.Errorf("got answer %s, want %s", got, want)
					}
				})
			}
			all.Wait()
		}
		everybodyGets("1") // at 0 ms
		time.Sleep(59 * time.Millisecond)
		everybodyGets("1") // at 99 ms
		time.Sleep(2 * time.Millisecond)
		everybodyGets("2")
		if n := asked.Load(); n != 2 {
			t.Errorf("the proxy was asked %d times, want 2", n)
		}
		time.Sleep(shareFor)
		synctest.Wait()
		if a.last != nil {
			t.Error("the last answer is kept although nobody may have it")
		}
	})
}

// When an answer takes longer than it may be shared, those who come late wait for the next one. There is but one at a time.
func TestLateAskersShareTheNextAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, asked := costlyAnswers(t, 200*time.Millisecond, 300*time.Millisecond)
		var all sync.WaitGroup
		for i := range 50 { // from 0 to 490 ms
			want, at := "1", time.Duration(i)*10*time.Millisecond
			if at > shareFor {
				want = "2"
			}
			all.Go(func() {
				time.Sleep(at)
				if got := mustGet(t, a); got != want {
					t.Errorf("who asked after %v got answer %s, want %s", at, got, want)
				}
			})
		}
		all.Wait()
		if n := asked.Load(); n != 2 {
			t.Errorf("the proxy was asked %d times, want 2", n)
		}
	})
}

// Whoever asks after a change gets an answer that was begun after it, even while another is on its way.
func TestNoAnswerFromBeforeAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := costlyAnswers(t, 10*time.Millisecond, 10*time.Millisecond)
		if got := mustGet(t, a); got != "1" {
			t.Errorf("got answer %s, want 1", got)
		}
		a.changes.Add(1)
		var all sync.WaitGroup
		all.Go(func() {
			if got := mustGet(t, a); got != "2" {
				t.Errorf("after the change: got answer %s, want 2", got)
			}
		})
		time.Sleep((makingShare-1)*20*time.Millisecond + 5*time.Millisecond) // answers have a rest in between
		a.changes.Add(1)
		if got := mustGet(t, a); got != "3" {
			t.Errorf("after a change while answer 2 was made: got answer %s, want 3", got)
		}
		if got := mustGet(t, a); got != "3" {
			t.Errorf("with no change: got answer %s, want 3", got)
		}
		all.Wait()
	})
}

// A failure is told to those who waited for it, and to nobody else. Nor does anybody wait for ever.
func TestAnswersThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := errors.New("no answer")
		a := &answers{patience: time.Second, changes: new(atomic.Uint64), ask: func(context.Context) (any, error) {
			time.Sleep(10 * time.Millisecond)
			return nil, fails
		}}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, err := a.get(t.Context()); !errors.Is(err, fails) {
					t.Errorf("got error %v, want that of the proxy", err)
				}
			})
		}
		all.Wait()

		a.ask = func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() }
		if _, err := a.get(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a silent proxy: error %v", err)
		}

		a.ask = func(context.Context) (any, error) { return 7, nil }
		if got := mustGet(t, a); got != "7" {
			t.Errorf("after the failures: got answer %s, want 7", got)
		}
	})
}

// A defect in one who asks does not leave the others waiting.
func TestAnswersThatPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{patience: time.Second, changes: new(atomic.Uint64), ask: func(context.Context) (any, error) {
			time.Sleep(time.Millisecond)
			panic("a defect")
		}}
		var failed, panicked atomic.Int32
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				defer func() {
					if recover() != nil {
						panicked.Add(1)
					}
				}()
				if _, err := a.get(t.Context()); err != nil {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		if panicked.Load() != 1 || failed.Load() != 2 {
			t.Errorf("%d panicked and %d failed, want 1 and 2", panicked.Load(), failed.Load())
		}
	})
}

// Who asked first may go away: the others get their answer all the same. Who waits may go away too.
func TestAskersWhoGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, asked := costlyAnswers(t, 10*time.Millisecond, 10*time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _, _ = a.get(ctx) })
		synctest.Wait()
		all.Go(func() {
			if _, err := a.get(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("who went away while waiting got error %v", err)
			}
		})
		synctest.Wait()
		cancel()
		if got := mustGet(t, a); got != "1" || asked.Load() != 1 {
			t.Errorf("got answer %s of %d, want 1 of 1", got, asked.Load())
		}
		all.Wait()
	})
}

// Through the API, a change shows in the very next answer.
func TestChangesShowAtOnce(t *testing.T) {
	proxy := newFake()
	proxy.tree = func(context.Context) (messages.Node, error) {
		proxy.mu.Lock()
		defer proxy.mu.Unlock()
		return messages.Node{Strategy: proxy.chosen, Restarts: uint32(len(proxy.killed))}, nil
	}
	server := proxy.serve(t, Config{Faults: true})
	for _, step := range []struct{ change, body, look, shows string }{
		{"DELETE /api/sessions/7", "", "/api/sessions", "[]"},
		{"PUT /api/supervision", `{"strategy":"stop"}`, "/api/tree", `"strategy":"stop"`},
		{"POST /api/faults", killIt, "/api/tree", `"restarts":1`},
		{"POST /api/faults?wait=1ms", killIt, "/api/tree", `"restarts":2`},
	} {
		for _, look := range []string{"/api/tree", "/api/sessions"} {
			call(t, server, "GET", look, "") // so that there is an answer from before
		}
		method, path, _ := strings.Cut(step.change, " ")
		if status, body := call(t, server, method, path, step.body); status >= 300 {
			t.Errorf("%s: status %d, body %q", step.change, status, body)
		}
		if _, body := call(t, server, "GET", step.look, ""); !strings.Contains(body, step.shows) {
			t.Errorf("after %s, %s is %q, which does not show %s", step.change, step.look, body, step.shows)
		}
	}
}

// What comes of a fault while its caller waits shows, too.
func TestOutcomesShowAtOnce(t *testing.T) {
	proxy := newFake()
	var server *Server
	var restarted atomic.Bool
	proxy.tree = func(context.Context) (messages.Node, error) {
		if restarted.Load() {
			return messages.Node{Restarts: 1}, nil
		}
		return messages.Node{}, nil
	}
	proxy.kill = func(string, string) error {
		go func() {
			call(t, server, "GET", "/api/tree", "") // somebody else asks meanwhile
			restarted.Store(true)
			server.Observe(messages.ActorRestarted{PID: victimPID, Restarts: 1})
		}()
		return nil
	}
	server = proxy.serve(t, Config{Faults: true})
	call(t, server, "POST", "/api/faults?wait=10s", killIt)
	if _, body := call(t, server, "GET", "/api/tree", ""); !strings.Contains(body, `"restarts":1`) {
		t.Errorf("the tree does not show the restart: %s", body)
	}
}
