package actors

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// sheet is a Failure that writes down the directives: strategies are tested by what they say, without actors or sockets.
type sheet struct {
	who     Role
	stopped bool
	recent  int
	killed  bool
	said    []string
	delays  []time.Duration
}

func (s *sheet) Who() Role       { return s.who }
func (s *sheet) Stopped() bool   { return s.stopped }
func (s *sheet) OnPurpose() bool { return s.killed || s.stopped }
func (s *sheet) Reason() any     { return "a defect" }
func (s *sheet) Intensity() int  { return 3 }
func (s *sheet) Recent(Role) int { return s.recent }
func (s *sheet) Stop()           { s.said = append(s.said, "stop") }
func (s *sheet) Escalate()       { s.said = append(s.said, "escalate") }
func (s *sheet) Resume(r Role)   { s.said = append(s.said, "resume "+r.String()) }
func (s *sheet) Restart(r Role)  { s.said = append(s.said, "restart "+r.String()) }
func (s *sheet) RestartAfter(r Role, d time.Duration) {
	s.said, s.delays = append(s.said, "restart later "+r.String()), append(s.delays, d)
}
func (s *sheet) Children() []Role {
	if s.who < RoleClientReader {
		return []Role{s.who}
	}
	return []Role{RoleClientReader, RoleServerWriter, RoleServerReader, RoleClientWriter}
}

// TestDecisions asks every decider of the tree what it says of a first failure, of a stop, and of one failure too many.
func TestDecisions(t *testing.T) {
	all := "restart client-reader, restart server-writer, restart server-reader, restart client-writer"
	for _, row := range []struct {
		who                     Role
		chosen                  string
		fails, isStopped, often string
	}{
		{RoleListener, "", "resume listener", "restart listener", "resume listener"},
		{RoleAcceptor, "", "restart acceptor", "restart acceptor", "restart later acceptor"},
		{RoleChaos, "", "restart chaos", "restart chaos", "restart later chaos"},
		{RoleSession, "restart", "restart session", "restart session", "stop"},
		{RoleSession, "stop", "stop", "stop", "stop"},
		{RoleServerWriter, "one-for-one", "restart server-writer", "restart server-writer", "stop"},
		{RoleServerWriter, "all-for-one", all, all, "stop"},
		{RoleServerWriter, "rest-for-one", all[len("restart client-reader, "):], all[len("restart client-reader, "):], "stop"},
		{RoleClientReader, "rest-for-one", all, all, "stop"},
		{RoleClientWriter, "rest-for-one", "restart client-writer", "restart client-writer", "stop"},
		{RoleServerWriter, "backoff", "restart later server-writer", "restart later server-writer", "stop"},
		{RoleServerWriter, "resume", "resume server-writer", "restart server-writer", "stop"},
		{RoleServerWriter, "stop", "stop", "stop", "stop"},
		{RoleServerWriter, "escalate", "escalate", "escalate", "stop"},
	} {
		chosen := Strategy{}
		if row.chosen != "" {
			onOffer := strategies
			if row.who == RoleSession {
				onOffer = sessionStrategies
			}
			var err error
			if chosen, err = strategyNamed("strategy", row.chosen, onOffer); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			when string
			s    sheet
			want string
		}{
			{"fails", sheet{who: row.who, recent: 1}, row.fails},
			{"is stopped", sheet{who: row.who, recent: 1, stopped: true}, row.isStopped},
			{"fails for the third time", sheet{who: row.who, recent: 3}, row.fails},
			{"fails once too often", sheet{who: row.who, recent: 4}, row.often},
		} {
			tree[row.who].supervise(&c.s, chosen)
			if got := strings.Join(c.s.said, ", "); got != c.want {
				t.Errorf("%v %s, %s: %q, want %q", row.who, c.when, row.chosen, got, c.want)
			}
		}
	}
	// Who is killed on purpose too often is restarted at once all the same, if it is one without whom nobody is served.
	for _, who := range []Role{RoleListener, RoleAcceptor, RoleChaos} {
		s := sheet{who: who, recent: 4, stopped: true}
		tree[who].supervise(&s, Strategy{})
		if want := fmt.Sprintf("[restart %v]", who); fmt.Sprint(s.said) != want {
			t.Errorf("%v is stopped too often: %v, want %s", who, s.said, want)
		}
	}
	s := sheet{who: RoleAcceptor, recent: 4, killed: true}
	superviseHelper(&s, Strategy{})
	if fmt.Sprint(s.said) != "[restart acceptor]" {
		t.Errorf("the acceptor is killed too often: %v", s.said)
	}
}

// TestEveryStrategyIsTested fails when a strategy is added to the table and not to the test above.
func TestEveryStrategyIsTested(t *testing.T) {
	tested := []string{"one-for-one", "all-for-one", "rest-for-one", "backoff", "resume", "stop", "escalate"}
	for _, s := range strategies {
		if !slices.Contains(tested, s.Name) {
			t.Errorf("TestDecisions has no row for %s", s.Name)
		}
		if s.Summary == "" {
			t.Errorf("%s has no summary", s.Name)
		}
	}
}

// TestPausesGrow: what keeps failing is restarted ever more slowly, first after some 10 ms.
func TestPausesGrow(t *testing.T) {
	longest := time.Duration(0)
	for n := 4; n < 14; n++ {
		s := sheet{who: RoleAcceptor, recent: n}
		superviseHelper(&s, Strategy{})
		if n == 4 && s.delays[0] > backoffFirst {
			t.Errorf("the first pause is %v", s.delays[0])
		}
		longest = max(longest, s.delays[0])
	}
	if longest < backoffCap/2 || longest > backoffCap {
		t.Errorf("the longest pause is %v", longest)
	}
}

func TestBackoffDelayGrowsToItsCap(t *testing.T) {
	var least, most []time.Duration
	for n := 1; n <= 40; n++ {
		lo, hi := time.Hour, time.Duration(0)
		for range 1000 {
			d := backoffDelay(n)
			lo, hi = min(lo, d), max(hi, d)
		}
		least, most = append(least, lo), append(most, hi)
		nominal := min(backoffCap, backoffFirst<<min(n-1, 20))
		if lo < nominal/2 || hi > nominal {
			t.Errorf("failure %d: delays from %v to %v, want them within %v to %v", n, lo, hi, nominal/2, nominal)
		}
		if hi-lo < nominal/4 {
			t.Errorf("failure %d: delays from %v to %v: too little jitter to keep sessions apart", n, lo, hi)
		}
	}
	if !slices.IsSortedFunc(most[:7], func(a, b time.Duration) int { return int(a - b) }) {
		t.Errorf("the delays do not grow: %v", most[:7])
	}
	if most[39] > backoffCap || least[39] < backoffCap/2 {
		t.Errorf("the fortieth delay lies between %v and %v", least[39], most[39])
	}
	if d := backoffDelay(0); d <= 0 || d > backoffFirst { // the failures may have aged meanwhile
		t.Errorf("without a recent failure: %v", d)
	}
}

func TestStrategyNames(t *testing.T) {
	for _, want := range SupervisionStrategies() {
		if s, err := strategyNamed("strategy", want.Name, strategies); err != nil || s.Name != want.Name {
			t.Errorf("%s: %v, %v", want.Name, s.Name, err)
		}
	}
	_, err := strategyNamed("strategy", "hope", strategies)
	if err == nil {
		t.Fatal("an unknown name is accepted")
	}
	for _, s := range SupervisionStrategies() {
		if !strings.Contains(err.Error(), s.Name) {
			t.Errorf("the error does not name %s: %v", s.Name, err)
		}
	}
}
