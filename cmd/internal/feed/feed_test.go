package feed

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestInOrder: one who listens is told of everything, in the order in which each goroutine has published.
func TestInOrder(t *testing.T) {
	const publishers, each = 4, 5000
	var got [publishers][]int
	f := New(publishers*each, nil, func(event any, _ time.Time) {
		e := event.([2]int)
		got[e[0]] = append(got[e[0]], e[1])
	})
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range each {
				f.Observe([2]int{p, i})
			}
		})
	}
	all.Wait()
	f.Close() // what waits is told before
	for p := range publishers {
		if len(got[p]) != each {
			t.Fatalf("of %d events %d arrived", each, len(got[p]))
		}
		for i, n := range got[p] {
			if n != i {
				t.Fatalf("event %d of publisher %d came as number %d", n, p, i)
			}
		}
	}
	if n := f.Dropped(); n != 0 {
		t.Errorf("%d were dropped", n)
	}
}

// TestSlowListener: who takes his time loses what there is no room for, it is counted, and nobody waits for him.
func TestSlowListener(t *testing.T) {
	const size = 10
	begun, release := make(chan any, 1), make(chan struct{})
	var got []any
	f := New(size, nil, func(event any, _ time.Time) {
		if event == "first" {
			begun <- event
			<-release
		}
		got = append(got, event)
	})
	f.Observe("first")
	<-begun
	for i := range 3 * size {
		f.Observe(i)
	}
	if n := f.Dropped(); n != 2*size {
		t.Errorf("%d were dropped, want %d", n, 2*size)
	}
	close(release)
	f.Close()
	if len(got) != 1+size || got[1] != 0 || got[size] != size-1 {
		t.Errorf("the listener was told of %v, want the first, and the oldest %d", got, size)
	}
	f.Observe("too late")
	if n := f.Dropped(); n != 2*size+1 {
		t.Errorf("after Close %d were dropped, want %d", n, 2*size+1)
	}
	f.Close()
}

// TestPanics: the listener goes on after a panic. Of many the first is logged, and all are counted.
func TestPanics(t *testing.T) {
	var log strings.Builder
	handled := 0
	handle := func(event any) {
		if event == 13 {
			panic("unlucky")
		}
		handled++
	}
	logger := slog.New(slog.NewTextHandler(&log, nil))
	f := New(100, logger, func(event any, _ time.Time) { handle(event) })
	direct := NewDirect(logger, handle)
	for name, it := range map[string]struct {
		observe  func(any)
		end      func()
		panicked func() uint64
	}{
		"queued": {f.Observe, f.Close, f.Panicked},
		"direct": {direct.Observe, func() {}, direct.Panicked},
	} {
		handled = 0
		log.Reset()
		for i := range 30 {
			it.observe(i % 15)
		}
		it.end()
		if handled != 28 || it.panicked() != 2 {
			t.Errorf("%s: %d handled, %d panicked; want 28 and 2", name, handled, it.panicked())
		}
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "event=int reason=unlucky") {
			t.Errorf("%s: the log says %q, want one line with event and reason", name, text)
		}
	}
	silent := New(1, nil, func(event any, _ time.Time) { handle(event) })
	silent.Observe(13)
	silent.Close()
}

// TestCloseDoesNotWaitForEver: for a listener that does not return.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := New(1, nil, func(any, time.Time) { <-release })
		f.Observe(1)
		begun := time.Now()
		f.Close()
		if took := time.Since(begun); took != patience {
			t.Errorf("Close took %v, want %v", took, patience)
		}
		close(release)
	})
}

// TestAll: each is told, in order, and those that are not there are left out.
func TestAll(t *testing.T) {
	var told []string
	tell := func(name string) func(any) { return func(event any) { told = append(told, name+event.(string)) } }
	observe := All(tell("a"), nil, tell("b"))
	observe("1")
	observe("2")
	if got := strings.Join(told, " "); got != "a1 b1 a2 b2" {
		t.Errorf("told: %s", got)
	}
	told = nil
	All(NewDirect(nil, func(any) { panic("a defect") }).Observe, tell("b"))("3")
	if got := strings.Join(told, " "); got != "b3" {
		t.Errorf("behind one who panics: told %q", got)
	}
}

// TestTimeOfPublishing: the listener is told when an event was published, however late it gets to it.
func TestTimeOfPublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []time.Time
		f := New(2, nil, func(_ any, at time.Time) {
			told = append(told, at)
			time.Sleep(100 * time.Millisecond)
		})
		begun := time.Now()
		f.Observe(1)
		time.Sleep(50 * time.Millisecond)
		f.Observe(2)
		f.Close()
		if len(told) != 2 || told[0] != begun || told[1] != begun.Add(50*time.Millisecond) {
			t.Errorf("the times are %v, want %v and 50 ms later", told, begun)
		}
	})
}

// BenchmarkObserve is what an event costs the goroutine that publishes it.
func BenchmarkObserve(b *testing.B) {
	event := any(struct{ n int }{7})
	b.Run("queued", func(b *testing.B) {
		f := New(4096, nil, func(any, time.Time) {})
		b.ReportAllocs()
		for b.Loop() {
			f.Observe(event)
		}
		f.Close()
		b.ReportMetric(float64(f.Dropped())/float64(b.N), "dropped/op")
	})
	b.Run("direct", func(b *testing.B) {
		d := NewDirect(nil, func(any) {})
		b.ReportAllocs()
		for b.Loop() {
			d.Observe(event)
		}
	})
}
