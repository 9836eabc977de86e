//go:build !linux

package fault

import "context"

// PIDs are none on this system.
func (f *Family) PIDs() []int { return nil }

func (f *Family) both() (worker, holder int) { return 0, 0 }

func (f *Family) kill(context.Context, string) (Replacement, error) {
	return Replacement{}, ErrNoProcesses
}
