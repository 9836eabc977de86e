//go:build linux && !race

// The race detector allocates on its own account.

package wire

import "testing"

// TestNothingAllocates carries chunks and posts tasks: whatever that takes must have been allocated before.
func TestNothingAllocates(t *testing.T) {
	for name, bulk := range map[string]bool{"a chunk in a buffer": false, "a chunk in a pipe": true} {
		carry := newCarrier(t, bulk)
		if n := testing.AllocsPerRun(1000, carry); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	d := newDriver(t, 0)
	post := poster(d)
	if n := testing.AllocsPerRun(1000, post); n != 0 {
		t.Errorf("a posted task: %v allocations", n)
	}
	var timer Timer
	nothing := run(func() {})
	if n := testing.AllocsPerRun(1000, func() { d.Arm(&timer, 0, nothing) }); n != 0 {
		t.Errorf("a timer armed: %v allocations", n)
	}
}
