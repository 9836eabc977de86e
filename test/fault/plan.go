package fault

import (
	"fmt"
	"math/rand/v2"
	"path"
	"sync"

	"tcpproxy/actors"
)

// Place is a point in the code of one actor.
type Place struct {
	At  actors.Point
	Who string // the actor's PID
}

// String is, for instance, "after-read of listener/session-1/client-reader".
func (p Place) String() string { return fmt.Sprintf("%v of %s", p.At, p.Who) }

// Kill is a visit to a place that was fatal. It is also what the actor panics with.
type Kill struct {
	Place
	Visit int // which visit to the place it was, from 1, since the plan was made
}

// Error tells the place and the visit: it is what messages.ActorFailed gives as the reason.
func (k Kill) Error() string { return fmt.Sprintf("injected at %v, visit %d", k.Place, k.Visit) }

// Plan decides who dies. The zero Plan kills nobody and only counts visits.
type Plan struct {
	mu     sync.Mutex
	rules  []*Rule
	visits map[Place]int
	kills  []Kill
}

// NewPlan makes a plan of these rules. A rule belongs to one plan.
func NewPlan(rules ...*Rule) *Plan {
	p := &Plan{}
	p.Add(rules...)
	return p
}

// Add adds rules to the plan, also while the proxy runs.
func (p *Plan) Add(rules ...*Rule) {
	p.mu.Lock()
	p.rules = append(p.rules, rules...)
	p.mu.Unlock()
}

// Clear drops all rules: from now on nobody dies by this plan. What it has counted stays.
func (p *Plan) Clear() {
	p.mu.Lock()
	p.rules = nil
	p.mu.Unlock()
}

// Strike is for actors.Config.Fault: it counts the visit, and panics with a [Kill] if a rule says so.
func (p *Plan) Strike(at actors.Point, who string) {
	if kill, do := p.visit(Place{at, who}); do != nil {
		do(kill)
	}
}

func (p *Plan) visit(place Place) (Kill, func(Kill)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visits == nil {
		p.visits = map[Place]int{}
	}
	p.visits[place]++
	for i, r := range p.rules {
		if !r.fatal(place, p.visits[place]) {
			continue
		}
		if r.spent() { // a plan of many rules stays cheap: those that can never strike again go
			p.rules = append(p.rules[:i:i], p.rules[i+1:]...)
		}
		k := Kill{place, p.visits[place]}
		p.kills = append(p.kills, k)
		return k, r.do
	}
	return Kill{}, nil
}

// Kills are the fatal visits so far, oldest first.
func (p *Plan) Kills() []Kill {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Kill(nil), p.kills...)
}

// Killed is how many fatal visits there have been.
func (p *Plan) Killed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.kills)
}

// Visits is how often each place has been visited, fatally or not.
func (p *Plan) Visits() map[Place]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[Place]int, len(p.visits))
	for place, n := range p.visits {
		all[place] = n
	}
	return all
}

// Rule says which visits are fatal. Its methods change it and return it, for use in one expression, before it is given to a plan.
type Rule struct {
	anyPoint bool
	at       actors.Point
	who      string

	first, every int // the first fatal visit among those that match, and the distance to the next
	left         int // how many fatal visits are to come; < 0 is without end
	seen         int
	chance       func(Place, int) bool // nil = certain

	do func(Kill)
}

// At makes the first visit to the point, by an actor whose PID matches the pattern, fatal. It panics if the pattern is malformed.
func At(at actors.Point, who string) *Rule {
	r := rule(who)
	r.at, r.anyPoint = at, false
	return r
}

// Every makes every n-th visit to any point fatal, by actors whose PID matches, without end.
func Every(n int, who string) *Rule {
	r := rule(who)
	r.first, r.every, r.left = n, n, -1
	return r
}

// Random makes a share of all visits fatal, by actors whose PID matches, without end. rate lies between 0 and 1. Whether a visit is
// fatal follows from the seed, the place and the number of the visit to it alone, not from what other actors do meanwhile: with the
// same seed, the same kind of traffic finds the same traps.
func Random(seed uint64, rate float64, who string) *Rule {
	r := rule(who)
	r.left = -1
	r.chance = func(place Place, visit int) bool {
		h := uint64(14695981039346656037)
		for _, b := range []byte(place.Who) {
			h = (h ^ uint64(b)) * 1099511628211
		}
		return rand.New(rand.NewPCG(seed^h, uint64(place.At)<<48|uint64(visit))).Float64() < rate
	}
	return r
}

func rule(who string) *Rule {
	if _, err := path.Match(who, ""); err != nil {
		panic(fmt.Sprintf("fault: pattern %q: %v", who, err))
	}
	return &Rule{anyPoint: true, who: who, first: 1, every: 1, left: 1, do: func(k Kill) { panic(k) }}
}

// Nth makes the n-th matching visit the first fatal one, rather than the first.
func (r *Rule) Nth(n int) *Rule { r.first = n; return r }

// Times makes n visits fatal rather than one: the first, and those that follow. 0 is without end.
func (r *Rule) Times(n int) *Rule {
	r.left = n
	if n == 0 {
		r.left = -1
	}
	return r
}

// Do has f called at a fatal visit instead of a panic: to stop the actor from outside, say, or to panic with something else. f runs
// on the goroutine that relays.
func (r *Rule) Do(f func(Kill)) *Rule { r.do = f; return r }

// fatal counts a visit, and decides. The plan's lock is held.
func (r *Rule) fatal(place Place, visit int) bool {
	if r.left == 0 || !r.anyPoint && r.at != place.At {
		return false
	}
	if match, _ := path.Match(r.who, place.Who); !match {
		return false
	}
	r.seen++
	if r.seen < r.first || (r.seen-r.first)%r.every != 0 || r.chance != nil && !r.chance(place, visit) {
		return false
	}
	if r.left > 0 {
		r.left--
	}
	return true
}

func (r *Rule) spent() bool { return r.left == 0 }
