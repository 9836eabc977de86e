package conformance

import (
	"fmt"
	"time"
)

// spareDescriptors is by how many a forwarder's descriptors may differ between two moments at which it has nothing to do:
// pools of pipes, sockets to a name server, log files that were reopened.
const spareDescriptors = 8

// settled waits until the number of the forwarder's descriptors stays the same for a moment, and returns what it holds then.
func (t *Trial) settled(f *forwarder) (usage, error) {
	t.step("waiting for the forwarder's descriptors to settle")
	defer t.step("")
	last := f.usage()
	for same := 0; same < 4; {
		if err := t.pause(50 * time.Millisecond); err != nil {
			return last, err
		}
		now := f.usage()
		if now.descriptors == last.descriptors {
			same++
		} else {
			same = 0
		}
		last = now
	}
	return last, nil
}

// expectDescriptors waits, but not for long, until the forwarder holds no more descriptors than before.
func (t *Trial) expectDescriptors(f *forwarder, before usage, spare int) error {
	limit := time.Now().Add(promptly)
	for {
		now := f.usage()
		if now.processes == 0 {
			return wrong("a forwarder that runs", "none")
		}
		if now.descriptors <= before.descriptors+spare {
			return nil
		}
		if time.Now().After(limit) {
			return wrong(fmt.Sprintf("%d descriptors as before the connections, or up to %d more, within %v", before.descriptors, spare, promptly),
				"%d", now.descriptors)
		}
		if err := t.pause(40 * time.Millisecond); err != nil {
			return err
		}
	}
}
