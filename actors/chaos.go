package actors

import (
	"fmt"
	"math/rand/v2"
	"path"
	"sort"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// Chaos kills actors at random while the proxy works, so that everyone can see what that does: nothing. It spares nothing that its
// glob matches. Supervised by the listener, which restarts it. On lane 0.
//
// Each kill takes two draws from the seeded source, first among the kinds of actor that are there, then among the actors of that
// kind. So the same seed picks the same kinds in the same order as long as the same kinds are there to pick from.
type Chaos struct {
	hub  *hub
	dice *dice
}

// dice is what must survive a restart of Chaos: the source's place in its sequence, and what a rate below one kill a look leaves over.
type dice struct {
	source *rand.Rand
	due    float64
	looked time.Duration
	timer  wire.Timer
}

// chaosEvery is how often Chaos looks at the tree; at higher rates it kills several at a time.
const chaosEvery = 20 * time.Millisecond

// strike: timer → Chaos.
type strike struct{}

func newDice(seed uint64) *dice { return &dice{source: rand.New(rand.NewPCG(seed, seed))} }

// checkChaos reports what makes no sense.
func (c *Config) checkChaos() error {
	if c.Chaos < 0 {
		return fmt.Errorf("the chaos rate %v is negative", c.Chaos)
	}
	if _, err := path.Match(c.ChaosTarget, ""); err != nil {
		return fmt.Errorf("the chaos target %q is not a pattern: %w", c.ChaosTarget, err)
	}
	return nil
}

// Receive runs on lane 0.
func (c *Chaos) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.dice.looked = c.hub.lanes[0].loop.Since()
		c.wait(ctx)
	case *strike:
		ctx.Request(c.hub.listener, &messages.DescribeTree{})
		c.wait(ctx) // not after the answer: it is lost if the listener is killed with the question in hand
	case messages.Node:
		c.kill(ctx, &m)
	case *messages.Fail:
		panic(m.Reason)
	case *actor.Restarting, *actor.Stopping:
		c.hub.lanes[0].loop.Disarm(&c.dice.timer)
	case *actor.Stopped:
		// Nothing is held.
	default:
		c.hub.unknown(ctx)
	}
}

// wait arranges for the next look.
func (c *Chaos) wait(ctx actor.Context) {
	pause := max(chaosEvery, time.Duration(float64(time.Second)/c.hub.cfg.Chaos))
	self := ctx.Self()
	c.hub.lanes[0].loop.Arm(&c.dice.timer, pause, runner(func() { c.hub.send(self, &strike{}) }))
}

// kill strikes as often as the rate asks for since the last look. A listener or a session is made to panic; a child or the acceptor
// panics or is stopped: a session that is stopped has ended, which is no fault to survive.
func (c *Chaos) kill(ctx actor.Context, root *messages.Node) {
	now := c.hub.lanes[0].loop.Since()
	c.dice.due += c.hub.cfg.Chaos * (now - c.dice.looked).Seconds()
	c.dice.looked = now
	victims, kinds := c.victims(root)
	for ; c.dice.due >= 1; c.dice.due-- {
		if len(kinds) == 0 {
			c.dice.due = 0
			return
		}
		kind := kinds[c.dice.source.IntN(len(kinds))]
		draw := c.dice.source.Uint64()
		pid := actor.NewPID(ctx.Self().Address, victims[kind][draw%uint64(len(victims[kind]))])
		mode := "panic"
		if draw>>63 == 1 && kind != "listener" && kind != "session" {
			mode = "stop"
		}
		c.hub.publish(messages.ActorKilled{PID: pid.Id, Kind: kind, Mode: mode})
		if mode == "stop" {
			ctx.Stop(pid)
		} else {
			ctx.Send(pid, &messages.Fail{Reason: "chaos"})
		}
	}
}

// victims are the actors that the glob matches, by kind; a child's kind is its role.
func (c *Chaos) victims(root *messages.Node) (byKind map[string][]string, kinds []string) {
	byKind = map[string][]string{}
	var walk func(n *messages.Node)
	walk = func(n *messages.Node) {
		kind := n.Kind
		if kind == "reader" || kind == "writer" {
			kind = path.Base(n.PID)
		}
		if matched, _ := path.Match(c.hub.cfg.ChaosTarget, n.PID); matched && kind != "chaos" {
			if byKind[kind] == nil {
				kinds = append(kinds, kind)
			}
			byKind[kind] = append(byKind[kind], n.PID)
		}
		for i := range n.Children {
			walk(&n.Children[i])
		}
	}
	walk(root)
	sort.Strings(kinds)
	return byKind, kinds
}
