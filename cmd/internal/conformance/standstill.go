package conformance

import (
	"fmt"
	"time"
)

// timeoutRule is where the cases of phase 3 have the timeout from.
const timeoutRule = `the assignment: "if either side of a connection hangs for more than 10 seconds, that pair is terminated"`

// early and late are how far from the timeout a cut may come. The assignment allows half a second either way; the rest of late
// is for the machine, on which everything else happens at the same time.
const (
	early = 500 * time.Millisecond
	late  = 1000 * time.Millisecond
)

// Words of several cases of phase 3.
var (
	endedInTime = fmt.Sprintf("both sides ended, no earlier than %v before the timeout and no later than %v after it", early, late)
	soonFull    = fmt.Sprintf("with receive buffers of %s, to fill them soon", size(smallBuffer))
)

// fillLimit is more than the kernel takes for one connection before it stops the sender: its receive buffer has to stay below
// 32 MiB by default, its send buffers below 4 MiB, on either side of the forwarder.
const fillLimit = 160 << 20

// hungPair makes a connection of which one side does not read, and returns the side that sends and the one that refuses.
func (t *Trial) hungPair(f *forwarder, d *destination, serverRefuses bool) (sender, refuser *peer, err error) {
	with := dialing{}
	if !serverRefuses {
		with.receiveBuffer = smallBuffer
	}
	client, server, err := t.pairWith(f, d, with)
	if serverRefuses {
		return client, server, err
	}
	return server, client, err
}

// hungForwarder starts a forwarder whose destination has small buffers if it is the one to refuse.
func (t *Trial) hungForwarder(serverRefuses bool) (*forwarder, *destination, error) {
	if serverRefuses {
		return t.forwardToListenerWith(smallBuffer)
	}
	return t.forwardToListener()
}

// standstill is when a connection came to a stop. From outside, that is a span and not a moment: a side that refuses to read took
// its last byte (first), and after that the sender's kernel could still get rid of bytes that now fill the forwarder's socket (last).
type standstill struct{ first, last time.Time }

// untilStuck fills up a connection and says when it came to a stop.
func (t *Trial) untilStuck(sender, refuser *peer, s stream) (sent int64, stop standstill, err error) {
	t.step("sending until nobody takes any more")
	if sent, stop.last, err = sender.fillUp(s, 0, fillLimit); err != nil {
		return sent, stop, err
	}
	if sent == fillLimit {
		return sent, stop, wrong(fmt.Sprintf("the %s to be stuck before %s", sender.name, size(fillLimit)), "all taken, though nobody reads")
	}
	if stop.first, err = refuser.lastReceived(); err == nil && stop.first.After(stop.last) {
		stop.first, stop.last = stop.last, stop.first
	}
	t.step("")
	return sent, stop, err
}

// inTime judges the moment when a connection was ended that had come to a stop.
func (t *Trial) inTime(p *peer, end ending, stop standstill, at time.Time) error {
	least, most := at.Sub(stop.last), at.Sub(stop.first)
	t.note("%s: %s after %s", p.name, end, seconds(least))
	if most < t.rule()-early || least > t.rule()+late {
		return wrong(t.cutExpected(p), "%s after %s", end, seconds(most))
	}
	return nil
}

func (t *Trial) cutExpected(p *peer) string {
	return fmt.Sprintf("the %s to be ended %s to %s after the last byte moved", p.name, seconds(t.rule()-early), seconds(t.rule()+late))
}

// awaitCut waits until a peer whose connection had come to a stop sees the end, and judges the time.
func (t *Trial) awaitCut(p *peer, stop standstill) error {
	t.step("waiting for the %s to be ended", p.name)
	end, at, ok := p.awaitState(stop.last.Add(t.rule() + late + time.Second))
	if !ok {
		return wrong(t.cutExpected(p), "no end after %s", seconds(at.Sub(stop.last)))
	}
	t.step("")
	return t.inTime(p, end, stop, at)
}

// collapse lets a side that refused to read look at what there is, now that the connection was cut: a part of the stream from its
// beginning, and an end.
func (t *Trial) collapse(p *peer, s stream, sent int64) error {
	t.step("reading what the %s had refused", p.name)
	n, _, err := p.drain(s, 0, promptly)
	if err != nil {
		return err
	}
	if n > sent {
		return wrong(fmt.Sprintf("the %s to receive no more than the %s that were sent", p.name, size(sent)), "%s", size(n))
	}
	return nil
}
