package actors

import (
	"context"
	"math/rand/v2"
	"path"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/actors/survival"
	"tcpproxy/messages"
)

// Chaos kills actors at random while the proxy works, so that everyone can see what that does: nothing. It spares nothing that its
// glob matches. Supervised by the listener, which restarts it. With several listeners each has one, which kills among its own.
//
// Each kill takes two draws from the seeded source, first among the kinds of actor that are there, then among the actors of that
// kind. So the same seed picks the same kinds in the same order as long as the same kinds are there to pick from.
type Chaos struct{ *endpoint }

// dice is what must survive a restart of Chaos: the source's place in its sequence, and what a rate below one kill a look leaves over.
type dice struct {
	source *rand.Rand
	due    float64
	looked time.Duration
	timer  wire.Timer

	slow  bool // it has been said that the rate cannot be held
	kills int  // since
	since time.Duration
}

const (
	// chaosEvery is how often Chaos looks at the tree; at higher rates it kills several at a time.
	chaosEvery = 20 * time.Millisecond
	// chaosAtOnce is how many it kills in one look at most, so that those who restart, and those who move bytes, have their time.
	chaosAtOnce = 50
)

// tick: timer → Chaos. It is time to look at the tree.
type tick struct{}

// victims: a survey → Chaos. The actors that may be killed, by role.
type victims [roles][]string

func newDice(seed uint64) *dice { return &dice{source: rand.New(rand.NewPCG(seed, seed))} }

// Receive runs on the lane's goroutine.
func (c *Chaos) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.chaos.begin(c.endpoint, ctx.Self())
		c.dice.looked = c.lane.loop.Since()
		c.wait()
	case *tick:
		if c.cfg.ChaosTarget == ChaosProcess {
			go c.killProcess()
			return
		}
		go c.look() // chaos would wait; and a survey is not for the lane's goroutine to sort
		c.wait()
	case *victims:
		c.kill(m)
	case messages.Revive:
		c.wait()
	case *messages.Fail:
		fail(m)
	case *actor.Restarting, *actor.Stopping:
		c.lane.loop.Disarm(&c.dice.timer)
	case *actor.Stopped:
		// Nothing is held.
	default:
		c.unknown(ctx)
	}
}

// wait arranges for the next look. The process is not looked for: it is killed after a time that is random, too, since each of them has but
// one.
func (c *Chaos) wait() {
	pause := max(chaosEvery, time.Duration(float64(time.Second)/c.cfg.Chaos))
	if c.cfg.ChaosTarget == ChaosProcess {
		pause = time.Duration(c.dice.source.ExpFloat64() * float64(len(c.endpoints)) / c.cfg.Chaos * float64(time.Second))
	}
	c.lane.loop.Arm(&c.dice.timer, pause, runner(func() { c.system.Root.Send(c.chaos.pid, &tick{}) }))
}

// killProcess kills the process with all that is in it, from a goroutine of its own: so whatever the loops are at is cut short anywhere.
func (c *Chaos) killProcess() { _ = c.cfg.Survival.Die(survival.ReasonChaos) }

// look finds out whom there is to kill. On a goroutine of its own.
func (c *Chaos) look() {
	q, err := c.surveyor.ask(context.Background())
	if err != nil {
		return // the proxy has stopped
	}
	found := &victims{}
	add := func(r *actorRecord) {
		if matched, _ := path.Match(c.cfg.ChaosTarget, r.pid); matched && r.pid != "" && r.role != RoleChaos {
			found[r.role] = append(found[r.role], r.pid)
		}
	}
	p := &q.parts[c.index]
	add(&p.listener)
	for i := range p.helpers {
		add(&p.helpers[i])
	}
	for i := range p.sessions {
		s := &p.sessions[i]
		add(&s.actorRecord)
		for j := range s.children {
			add(&s.children[j])
		}
	}
	c.lane.do(func() { c.system.Root.Send(c.chaos.pid, found) })
}

// kill kills as often as the rate asks for since the last look: half of the time by a panic, else by a stop.
func (c *Chaos) kill(found *victims) {
	d := c.dice
	now := c.lane.loop.Since()
	d.due += c.cfg.Chaos / float64(len(c.endpoints)) * (now - d.looked).Seconds()
	d.looked = now
	var there []Role
	for r := range roles {
		if len(found[r]) > 0 {
			slices.Sort(found[r]) // the order must not depend on who came first
			there = append(there, r)
		}
	}
	if len(there) == 0 {
		d.due = 0
		return
	}
	for n := 0; d.due >= 1; d.due-- {
		if n++; n > chaosAtOnce {
			c.sayLimited(now)
			d.due = 0
			return
		}
		role := there[d.source.IntN(len(there))]
		draw := d.source.Uint64()
		mode := KillPanic
		if draw>>63 == 1 {
			mode = KillStop
		}
		d.kills++
		c.endpoint.kill(found[role][draw%uint64(len(found[role]))], role, mode, "chaos")
	}
}

// sayLimited says once that the rate cannot be held, and which one can.
func (c *Chaos) sayLimited(now time.Duration) {
	d := c.dice
	if d.since == 0 {
		d.since, d.kills = now, 0
		return
	}
	if passed := now - d.since; !d.slow && passed >= time.Second {
		d.slow = true
		c.log.Warn("chaos cannot kill as often as asked", "asked_per_s", c.cfg.Chaos,
			"reached_per_s", int(float64(d.kills*len(c.endpoints))/passed.Seconds()))
	}
}
