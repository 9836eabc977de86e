package test

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tcpproxy/test/fault"
)

// What a test must not leave behind: goroutines, descriptors, actors, events that nobody sent.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, bySelf) }

// bySelf is a goroutine of the actor library that ends by itself, a second after a storm of dead letters.
var bySelf = goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1")

// leaves makes the test fail if it leaves descriptors or goroutines behind.
func leaves(t testing.TB) {
	t.Helper()
	before := descriptors()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		after := descriptors()
		for end := time.Now().Add(patience); len(after) > len(before) && time.Now().Before(end); after = descriptors() {
			time.Sleep(time.Millisecond)
		}
		if len(after) > len(before) {
			t.Errorf("%d descriptors before, %d after: %v", len(before), len(after), after)
		}
		if err := goleak.Find(ignore, bySelf); err != nil {
			t.Error(err)
		}
	})
}

func descriptors() []string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var open []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			open = append(open, e.Name()+"="+to)
		}
	}
	return open
}

// mustBeGone waits for the proxy's end and looks for what should not be there any more.
func (r *rig) mustBeGone(t testing.TB) {
	t.Helper()
	select {
	case <-r.proxy.Done():
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		t.Errorf("the proxy has not stopped after %v\n%s", patience, buf[:runtime.Stack(buf, true)])
		return
	}
	for _, shard := range r.proxy.System().ProcessRegistry.LocalPIDs.LocalPIDs {
		for _, pid := range shard.Keys() {
			if strings.HasPrefix(pid, "listener") {
				t.Errorf("%s is still registered", pid)
			}
		}
	}
	r.watch.See(func(s *fault.Seen) {
		if s.Announced != 1 {
			t.Errorf("%d times ListenerOpened", s.Announced)
		}
		for pid := range s.Opened {
			if _, ok := s.Closed[pid]; !ok {
				t.Errorf("no SessionClosed for %s", pid)
			}
		}
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, z := range r.zombies {
		t.Errorf("zombie: %s", z)
	}
}
