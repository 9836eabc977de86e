package test

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// TestExhaustive plays an upload and a download of a few chunks again and again, each time with a kill at another visit: every point of
// every actor, every time that it is passed. Then there is no moment left at which a kill could lose a byte, other than by another
// order of events, which is what havoc is for.
func TestExhaustive(t *testing.T) {
	const bytes = 3 * 16 << 10
	for _, strategy := range []string{"one-for-one", "all-for-one", "rest-for-one", "backoff", "resume", "escalate"} {
		for _, sh := range shapes[:2] {
			t.Run(strategy+"/"+sh.name, func(t *testing.T) {
				r := newRig(t, actors.Config{Supervision: strategy, MaxRestarts: never})
				round := func(name string, rules ...*fault.Rule) {
					t.Helper()
					r.plan.Clear()
					r.plan.Add(rules...)
					s, client, server, err := r.play(sh, 5, bytes, nil)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					e, err := r.awaitClosed(s.pid)
					if err != nil || client != fault.Intact || server != fault.Intact || e.Cause != messages.CauseFinished {
						t.Errorf("%s: the client saw: %s, the server saw: %s; the session ended with %v; %v", name, client, server, e.Cause, err)
					}
				}
				before := r.plan.Visits()
				round("without a fault")
				// Visits by role: the session of the next round has another number. The acceptor goes on looking after the first client.
				type spot struct {
					at  actors.Point
					who string
				}
				count := map[spot]int{}
				for place, n := range r.plan.Visits() {
					who := place.Who
					if session := sessionOf(who); strings.Contains(session, "session-") {
						who = "listener/session-*" + strings.TrimPrefix(who, session)
					}
					count[spot{place.At, who}] += n - before[place]
				}
				var spots []spot
				for s := range count {
					spots = append(spots, s)
				}
				sort.Slice(spots, func(i, j int) bool { return fmt.Sprint(spots[i]) < fmt.Sprint(spots[j]) })
				struck, rounds := 0, 0
				for _, s := range spots {
					for n := 1; n <= count[s]; n++ {
						kills := r.plan.Killed()
						round(fmt.Sprintf("%v of %s, visit %d", s.at, s.who, n), fault.At(s.at, s.who).Nth(n))
						if rounds++; r.plan.Killed() > kills {
							struck++
						}
					}
				}
				t.Logf("%d kills in %d rounds", struck, rounds)
				if struck < 20 || struck < rounds*2/3 {
					t.Errorf("only %d kills in %d rounds", struck, rounds)
				}
			})
		}
	}
}
