//go:build linux

package wire

import (
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// startLoop has a loop run on a goroutine of its own. stop ends it, and returns when its goroutine is done.
func startLoop(t *testing.T) (l *Loop, stop func()) {
	l, err := NewLoop(0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run()
	}()
	stop = sync.OnceFunc(func() {
		l.Close()
		<-done
	})
	t.Cleanup(stop)
	return l, stop
}

// TestPostFromAnywhere has many goroutines post at once, with the loop asleep now and then: every task runs, once.
func TestPostFromAnywhere(t *testing.T) {
	const posters, each = 8, 2000
	l, _ := startLoop(t)
	var ran [posters][each]int // the loop's
	var all sync.WaitGroup
	for p := range posters {
		all.Add(each)
		go func() {
			for i := range each {
				done := make(chan struct{})
				l.Post(task(func() {
					if ran[p][i]++; ran[p][i] > 1 {
						t.Errorf("poster %d: task %d runs again", p, i)
					}
					close(done)
					all.Done()
				}))
				if i%100 == 0 {
					<-done // so that the loop may fall asleep
				}
			}
		}()
	}
	all.Wait()
}

// TestPostedByAPostedTask has tasks post tasks: the first two consequences follow at once, and what comes then waits until everyone of
// the round has had a turn.
func TestPostedByAPostedTask(t *testing.T) {
	d := newDriver(t, 0)
	var order []string
	say := func(s string) { order = append(order, s) }
	d.Post(task(func() {
		say("a1")
		d.Post(task(func() { say("a2"); d.Post(task(func() { say("a3"); d.Post(task(func() { say("a4") })) })) }))
	}))
	d.Post(task(func() { say("b1"); d.Post(task(func() { say("b2") })) }))
	d.until("all tasks", func() bool { return len(order) == 6 })
	for i, want := range []string{"a1", "a2", "a3", "b1", "b2", "a4"} {
		if order[i] != want {
			t.Fatalf("ran %v", order)
		}
	}
}

// TestTasksDoNotStarveEvents has a task post itself for ever: the loop must look for events in between.
func TestTasksDoNotStarveEvents(t *testing.T) {
	d := newDriver(t, 0)
	ours, theirs := localPair(0)
	defer closeDescriptor(theirs)
	heard := false
	var s Socket
	if err := s.Open(d.Loop, ours, hears(func(e Event) { heard = heard || e&Readable != 0 })); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ran := 0
	var again *Task
	again = task(func() {
		ran++
		d.Post(again)
	})
	d.Post(again)
	mustSend(theirs, []byte("x"))
	for turns := 0; !heard; turns++ {
		if turns > 2 {
			t.Fatalf("not heard in %d turns", turns)
		}
		if d.turn(); ran > (turns+1)*turnRounds*(1+hops) {
			t.Fatalf("%d tasks in %d turns", ran, turns+1)
		}
	}
}

// TestLongChain has a task post itself for longer than a turn may last, with nothing else to wake the loop.
func TestLongChain(t *testing.T) {
	d := newDriver(t, 0)
	left := 3 * turnRounds * (1 + hops)
	var again *Task
	again = task(func() {
		if left--; left > 0 {
			d.Post(again)
		}
	})
	d.Post(again)
	d.until("the end of the chain", func() bool { return left == 0 })
}

// TestStaleEvents closes a socket while an event for it is under way, and opens another, which gets the same descriptor number, the
// same place in the loop's table, or both. The event must not reach the new one.
func TestStaleEvents(t *testing.T) {
	d := newDriver(t, 0)
	var first, second, heir Socket
	var theirs [3]int
	ours := [2]int{}
	for i := range ours {
		ours[i], theirs[i] = localPair(0)
	}
	defer func() {
		for _, fd := range theirs {
			closeDescriptor(fd)
		}
	}()
	fell := false
	var heard []Event
	// Whichever is told first closes the other and lets an heir take its number and its place, in the middle of a batch of events.
	strike := func(other *Socket) hears {
		return func(Event) {
			if fell {
				return
			}
			fell = true
			number := int(other.fd)
			place := other.slot
			other.Close()
			var fd int
			fd, theirs[2] = localPair(0)
			if fd != number {
				if err := unix.Dup3(fd, number, unix.O_CLOEXEC); err != nil {
					t.Fatal(err)
				}
				closeDescriptor(fd)
			}
			if err := heir.Open(d.Loop, number, hears(func(e Event) { heard = append(heard, e) })); err != nil {
				t.Fatal(err)
			}
			if heir.slot != place {
				t.Fatalf("the heir got place %d instead of %d: nothing is tested", heir.slot, place)
			}
		}
	}
	if err := first.Open(d.Loop, ours[0], strike(&second)); err != nil {
		t.Fatal(err)
	}
	if err := second.Open(d.Loop, ours[1], strike(&first)); err != nil {
		t.Fatal(err)
	}
	mustSend(theirs[0], []byte("x"))
	mustSend(theirs[1], []byte("x"))
	d.until("the events", func() bool { return fell })
	if len(heard) != 0 {
		t.Fatalf("an old event reached the new socket: %v", heard)
	}
	mustSend(theirs[2], []byte("y"))
	d.until("the heir's own event", func() bool { return len(heard) > 0 && heard[len(heard)-1]&Readable != 0 })
	first.Close()
	second.Close()
	heir.Close()
}

// TestHeavyTasksWait has tasks that move much, and post themselves again, beside tasks that move little: between two heavy ones, all that
// is light runs, and neither kind keeps the other from running. Of a heavy task the first consequence follows at once.
func TestHeavyTasksWait(t *testing.T) {
	d := newDriver(t, 0)
	order := ""
	mover := func(name string, bytes int) {
		var again *Task
		again = task(func() {
			order += name
			d.spend(bytes)
			d.Post(again)
		})
		d.Post(again)
	}
	mover("A", 1<<20)
	mover("B", 1<<20)
	mover("c", 64)
	d.runPosted() // by now the loop knows who is heavy
	order = ""
	for range 4 {
		d.runPosted()
	}
	light := strings.Repeat("c", turnRounds*(1+hops))
	if want := light + "BB" + light + "AA" + light + "BB" + light + "AA"; order != want {
		t.Fatalf("ran %s, not %s", order, want)
	}
}

// TestFairness has a bulk flow run at full speed beside someone who sends one byte at a time: between the byte's arrival and its
// handling, no more may move than a turn allows.
func TestFairness(t *testing.T) {
	d := newDriver(t, 4)
	bulk, from, to := newTCPRelay(d)
	defer closeDescriptor(from)
	ours, theirs := tcpPair(t)
	defer closeDescriptor(theirs)
	arrived, pings := uint64(0), 0
	var s Socket
	if err := s.Open(d.Loop, ours, hears(func(Event) {
		var p [1]byte
		if n, _ := s.Read(p[:]); n == 0 {
			return
		}
		pings++
		// Each byte counts twice, when it is read and when it is written; and the last chunk may exceed the budget.
		if late := bulk.flow.Moved() - arrived; late > turnBytes/2+chunkMost+pipeSize {
			t.Errorf("%d bytes moved before a ping was heard", late)
		}
	})); err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	// The peers of the bulk flow are as quick as can be: they work inside the loop, in every round.
	junk, sink := make([]byte, 4*pipeSize), make([]byte, 4*pipeSize)
	over := false
	var peers *Task
	peers = task(func() {
		_, _ = send(from, junk)
		_, _ = recv(to, sink)
		if !over {
			d.Post(peers)
		}
	})
	d.Post(peers)
	for ping := 1; ping <= 50; ping++ {
		d.Post(task(func() { // at the beginning of a turn, the worst moment to arrive
			arrived = bulk.flow.Moved()
			mustSend(theirs, []byte{1})
		}))
		d.until("a ping", func() bool { return pings == ping })
	}
	if bulk.flow.Moved() < 50*bufferSize {
		t.Errorf("only %d bytes of bulk moved beside 50 pings: nothing was tested", bulk.flow.Moved())
	}
	over = true
}

// TestCloseFromAnywhere closes loops that sleep and loops that work, from other goroutines, several times.
func TestCloseFromAnywhere(t *testing.T) {
	for range 50 {
		l, stop := startLoop(t)
		ran := make(chan struct{})
		l.Post(task(func() { close(ran) }))
		<-ran
		var all sync.WaitGroup
		for range 3 {
			all.Go(l.Close)
		}
		all.Wait()
		stop()
	}
}

// TestCloseAgain closes a loop that has long returned. Its descriptors' numbers belong to others by then, who must not notice.
func TestCloseAgain(t *testing.T) {
	l, stop := startLoop(t)
	number := l.poller.wakefd
	stop()
	ours, theirs := localPair(0)
	if theirs == number {
		ours, theirs = theirs, ours
	}
	defer closeDescriptor(ours)
	defer closeDescriptor(theirs)
	if ours != number {
		if err := unix.Dup3(ours, number, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		defer closeDescriptor(number)
	}
	l.Close()
	l.asleep.Store(true) // as a poster may have seen it, just before the loop woke up for the last time
	l.Post(task(func() {}))
	if n, errno := recv(theirs, make([]byte, 8)); errno != syscall.EAGAIN {
		t.Errorf("a closed loop wrote %d bytes into another's descriptor (%v)", n, errno)
	}
}
