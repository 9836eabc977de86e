package conformance

import (
	"fmt"
	"time"
)

// many is phase 5: what the forwarder holds while there are many connections, and after they have gone.
func many() []Case {
	const p = 5
	leaves := fmt.Sprintf("; afterwards the descriptors back to where they were, within %v", promptly)
	return []Case{
		{
			Phase: p, Name: "idle-many", Title: "thousands of connections at the same time",
			Sends:   "as many connections as --many says, each with a round trip, all kept open; another round trip on each; and the same again",
			Expects: "every byte returned" + leaves + "; the memory needed does not grow from round to round",
			Why:     "connections that wait are most of what a forwarder holds; what they cost, and whether it comes back, decides on its size",
			Limit:   60 * time.Second, Load: Heavy, run: idleMany,
		},
		{
			Phase: p, Name: "idle-cpu", Title: "500 connections that do nothing cost nothing",
			Sends:   "500 connections with a round trip each, then nothing for 2 s",
			Expects: "less than 0.2 s of processor time in these 2 s",
			Why:     "a loop that spins while it waits shows up only on the electricity bill",
			Limit:   25 * time.Second, Load: Heavy, run: idleCPU,
		},
		{
			Phase: p, Name: "storm", Title: "everybody connects at once",
			Sends:   "300 clients that connect within the same moment, and a round trip on each, three times",
			Expects: "nobody turned away or forgotten",
			Why:     "after an outage everybody comes back at the same time; the queue of the listening socket must not be the limit",
			Limit:   30 * time.Second, Load: Heavy, run: storm,
		},
		{
			Phase: p, Name: "connect-reset", Title: "clients that connect and reset at once",
			Sends:   "1,000 connections that are reset as soon as they stand; then ten ordinary ones",
			Expects: "the ordinary ones served" + leaves,
			Why:     "port scanners and load balancers' probes do this; the client is gone before the destination has answered",
			Limit:   30 * time.Second, Load: Heavy, run: connectReset,
		},
		{
			Phase: p, Name: "connect-close", Title: "clients that connect and close at once",
			Sends:   "1,000 connections that are closed as soon as they stand; then ten ordinary ones",
			Expects: "the ordinary ones served" + leaves,
			Why:     "as above, with an orderly end",
			Limit:   30 * time.Second, Load: Heavy, run: connectClose,
		},
		{
			Phase: p, Name: "churn", Title: "connections come and go",
			Sends:   "as many connections as --many says, 32 at a time, with 1 KiB there and back; and the same again",
			Expects: "every byte returned" + leaves + "; the memory does not grow from round to round",
			Why:     "a leak of a few bytes per connection takes a week to bring a server down, and a second to show here",
			Limit:   60 * time.Second, Load: Heavy, run: churn,
		},
	}
}

// grownMemory is by how much the memory may differ between two moments at which the same has been done, and memoryRounds how
// often it is done before the forwarder must have reached what it needs.
const (
	grownMemory  = 1 << 20
	memoryRounds = 6
)

// echoed keeps a connection that was used once.
func (t *Trial) echoed(f *forwarder, i int) (*peer, error) {
	client, err := t.dial(f)
	if err != nil {
		return nil, err
	}
	return client, client.roundTrip(t.stream(i), 0, 8)
}

func idleMany(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	if err := t.times(50, 10, func(i int) error { return t.echoOnce(f, t.stream(i), 100) }); err != nil {
		return err
	}
	before, err := t.settled(f)
	if err != nil {
		return err
	}
	empty := f.memory()
	total := t.opts.Many
	var most int64
	for round := 0; ; round++ {
		clients := make([]*peer, total)
		t.step("opening %d connections, round %d", total, round+1)
		err := t.times(total, 50, func(i int) (err error) {
			clients[i], err = t.echoed(f, i)
			return err
		})
		if err != nil {
			return err
		}
		held, memory := f.usage(), f.memory()
		t.step("using %d connections once more, round %d", total, round+1)
		err = t.times(total, 50, func(i int) error { return clients[i].roundTrip(t.stream(i), 8, 8) })
		if err != nil {
			return err
		}
		t.step("closing %d connections, round %d", total, round+1)
		for _, client := range clients {
			client.Close()
		}
		if err := t.expectDescriptors(f, before, spareDescriptors); err != nil {
			return err
		}
		if round == 0 {
			t.note("%.1f kB and %.1f descriptors for each of %d connections", float64(memory-empty)/1024/float64(total),
				float64(held.descriptors-before.descriptors)/float64(total), total)
		}
		enough, err := stable(round, &most, memory)
		if enough || err != nil {
			return err
		}
	}
}

// stable judges the memory that was needed in each round of the same work. A forwarder with a garbage collector may need more in
// the second round than in the first, and in the third; one that leaks needs more in every one.
func stable(round int, most *int64, memory int64) (enough bool, err error) {
	if round > 0 && memory <= *most+max(grownMemory, *most/10) {
		return true, nil
	}
	before := *most
	*most = max(*most, memory)
	if round == memoryRounds-1 {
		return false, wrong(
			fmt.Sprintf("one of %d rounds of the same to need no more memory than those before it, give or take a tenth", memoryRounds),
			"%s in the last one, and %s at most before", size(memory), size(before))
	}
	return false, nil
}

func idleCPU(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	if err := t.times(500, 50, func(i int) error { _, err := t.echoed(f, i); return err }); err != nil {
		return err
	}
	if err := t.pause(500 * time.Millisecond); err != nil {
		return err
	}
	return t.expectRest(f, t.rest(2*time.Second))
}

// rest is how long connections can be left alone, with the timeout still far away.
func (t *Trial) rest(most time.Duration) time.Duration { return min(most, t.rule()*3/10) }

// expectRest expects the forwarder to use next to no processor time for a while.
func (t *Trial) expectRest(f *forwarder, while time.Duration) error {
	before := f.usage()
	if err := t.pause(while); err != nil {
		return err
	}
	spent := f.usage().cpu - before.cpu
	t.note("%v of processor time in %v", spent, while)
	if limit := while / 10; spent > limit {
		return wrong(fmt.Sprintf("at most %v of processor time in %v of rest", limit, while), "%v", spent)
	}
	return nil
}

func storm(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	const clients = 300
	for round := range 3 {
		if err := t.times(clients, clients, func(i int) error {
			client, err := t.echoed(f, round*clients+i)
			if err == nil {
				client.Close()
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// leave has many clients come and go in the given way, and expects the forwarder to be as good as before.
func (t *Trial) leave(goodbye func(client *peer)) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	ordinary := func() error {
		return t.times(10, 5, func(i int) error { return t.echoOnce(f, t.stream(i), 100) })
	}
	if err := ordinary(); err != nil {
		return err
	}
	before, err := t.settled(f)
	if err != nil {
		return err
	}
	if err := t.times(1000, 50, func(int) error {
		client, err := t.dial(f)
		if err == nil {
			goodbye(client)
		}
		return err
	}); err != nil {
		return err
	}
	if err := ordinary(); err != nil {
		return err
	}
	return t.expectDescriptors(f, before, spareDescriptors)
}

func connectReset(t *Trial) error { return t.leave((*peer).reset) }

func connectClose(t *Trial) error { return t.leave(func(client *peer) { client.Close() }) }

func churn(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	round := func() error {
		return t.times(t.opts.Many, 32, func(i int) error { return t.echoOnce(f, t.stream(i), 1<<10) })
	}
	if err := t.times(50, 10, func(i int) error { return t.echoOnce(f, t.stream(i), 1<<10) }); err != nil {
		return err
	}
	before, err := t.settled(f)
	if err != nil {
		return err
	}
	var most int64
	for n := 0; ; n++ {
		t.step("round %d of %d connections", n+1, t.opts.Many)
		if err := round(); err != nil {
			return err
		}
		if err := t.expectDescriptors(f, before, spareDescriptors); err != nil {
			return err
		}
		enough, err := stable(n, &most, f.memory())
		if enough || err != nil {
			return err
		}
	}
}
