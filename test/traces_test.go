package test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// TestTraces compares the order in which a strategy has the actors live and die with testdata/<strategy>.trace. The traces are there to
// be read; go test -run TestTraces ./test -update writes them anew.
func TestTraces(t *testing.T) {
	for _, strategy := range strategyNames() {
		t.Run(strategy, func(t *testing.T) {
			// With one loop everything happens on one goroutine, so there is one order.
			r := startRig(t, actors.Config{Supervision: strategy, Loops: 1}, true)
			say := func(line string) {
				r.mu.Lock()
				r.log = append(r.log, "", "# "+line)
				r.mu.Unlock()
			}
			// settle makes sure that everything sent so far has been dealt with: the listener answers after it, in a later turn.
			settle := func() {
				for range 3 {
					if _, err := r.tree(); err != nil {
						t.Fatal(err)
					}
				}
			}
			settle()
			say("A client comes.")
			s, err := r.open(1, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			settle()
			victim := s.pid + "/server-writer"
			say("Its server-writer panics between two messages.")
			r.fail(victim)
			want, lives := answer(strategy, "server-writer", 1, false)
			if lives {
				err = r.awaitRestarts(s.pid, want)
				if err == nil {
					err = r.awaitFailures(victim, 1)
				}
			} else {
				_, err = r.awaitClosed(s.pid)
			}
			if err != nil {
				t.Fatal(err)
			}
			settle()
			if lives {
				say("Somebody stops it from outside.")
				r.stop(victim)
				want, _ := answer(strategy, "server-writer", 1, true)
				if strategy != "resume" {
					want, _ = answer(strategy, "server-writer", 2, false)
				}
				if err := r.awaitRestarts(s.pid, want); err != nil {
					t.Fatal(err)
				}
				settle()
				say("Both peers say goodbye.")
				if err := s.client.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if err := fault.NewStream(0).ExpectEnd(s.server); err != nil {
					t.Fatal(err)
				}
				if err := s.server.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if e, err := r.awaitClosed(s.pid); err != nil || e.Cause != messages.CauseFinished {
					t.Fatal(e.Cause, err)
				}
				settle()
			}
			say("The proxy stops.")
			r.proxy.Stop()
			<-r.proxy.Done()
			r.mu.Lock()
			got := "# The lives of the actors under the strategy " + strategy +
				". A line with a star is an event, which whoever is interested can subscribe to;\n" +
				"# any other is an actor at the beginning of a handler of its lifecycle.\n\n# The proxy starts.\n" + strings.Join(r.log, "\n") + "\n"
			r.mu.Unlock()
			golden(t, strategy+".trace", got)
		})
	}
}

var update = flag.Bool("update", false, "write what the tests saw to testdata, instead of comparing with it")

// golden compares with a file in testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}
