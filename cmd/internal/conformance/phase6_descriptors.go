package conformance

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// shortage is the part of phase 6 about what the forwarder does at its limits.
func shortage() []Case {
	const p = 6
	return []Case{
		{
			Phase: p, Name: "out-of-descriptors", Title: "the forwarder runs out of descriptors",
			Sends:   "ten live connections; then the limit is lowered to six more descriptors, and 100 clients come",
			Expects: "the live ones served throughout, no processor time burnt on accepting in vain, and new ones served when the 100 have left",
			Why:     "accept fails and fails again while the client stays in the queue: a forwarder may die of it, or spin",
			Source:  "EMFILE in accept(2)", Limit: 30 * time.Second, Load: Waiting, run: outOfDescriptors,
		},
	}
}

func outOfDescriptors(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	const live = 10
	clients := make([]*peer, live)
	for i := range clients {
		if clients[i], err = t.echoed(f, i); err != nil {
			return err
		}
	}
	if _, err := t.settled(f); err != nil {
		return err
	}
	// An even number: with an odd one, a forwarder that needs two for each client could always accept one more.
	for _, p := range f.processes() {
		if err := limitDescriptors(p, 6); err != nil {
			return err
		}
	}
	off := int64(8)
	use := func() error {
		for i, client := range clients {
			client.soon(promptly)
			if err := client.roundTrip(t.stream(i), off, 8); err != nil {
				return fmt.Errorf("live connection %d: %w", i+1, err)
			}
		}
		off += 8
		return nil
	}
	t.step("connecting more clients than there are descriptors for")
	var crowd []*peer
	for i := range 100 {
		client, err := t.dial(f)
		switch {
		case err == nil:
			crowd = append(crowd, client)
		case !errors.Is(err, errResetWhileDialing): // to turn somebody away is one way to cope
			return err
		}
		if i%10 == 9 {
			if err := use(); err != nil {
				return err
			}
		}
	}
	if err := t.pause(500 * time.Millisecond); err != nil { // a forwarder that forks needs its time for the crowd
		return err
	}
	t.step("using the live connections while there are no descriptors")
	if err := use(); err != nil {
		return err
	}
	if err := t.expectRest(f, t.rest(2*time.Second)); err != nil {
		return err
	}
	if err := use(); err != nil {
		return err
	}
	t.step("connecting again after the crowd has left")
	for _, client := range crowd {
		client.reset()
	}
	for i, client := range clients {
		if i >= live/2 {
			client.Close()
		}
	}
	clients = clients[:live/2]
	// The forwarder may not have noticed yet that they have left; until then it may turn others away.
	for limit := time.Now().Add(2 * promptly); ; {
		client, err := t.dial(f)
		if err == nil {
			client.soon(2 * promptly)
			err = client.roundTrip(t.stream(100), 0, 8)
		}
		if err == nil {
			return use()
		}
		if time.Now().After(limit) {
			return err
		}
		if err := t.pause(50 * time.Millisecond); err != nil {
			return err
		}
		if err := use(); err != nil {
			return err
		}
	}
}

// limitDescriptors lets a process open only so many descriptors more.
func limitDescriptors(p process, more int) error {
	open := p.descriptors()
	if len(open) == 0 {
		return nil // gone
	}
	// The limit is on the number that a new descriptor gets, and the lowest free one is taken: so the limit stands where that many
	// are free below it. Those above it, such as a pipe that a shell has left behind, stay open.
	top := 0
	for free := 0; free < more; top++ {
		if !slices.Contains(open, top) {
			free++
		}
	}
	limit := unix.Rlimit{Cur: uint64(top), Max: uint64(top)}
	err := unix.Prlimit(p.pid, unix.RLIMIT_NOFILE, &limit, nil)
	switch {
	case errors.Is(err, unix.ESRCH):
		return nil
	case errors.Is(err, unix.EPERM):
		return &inapplicable{"the tester may not limit the forwarder's processes, which run as another user"}
	}
	return err
}
