package metrics

import (
	"slices"
	"strings"

	"tcpproxy/actors"
)

// kinds are what actors are, from the top down.
var kinds = func() (all []string) {
	for r := actors.RoleListener; r <= actors.RoleClientWriter; r++ {
		all = append(all, r.String())
	}
	return all
}()

// kindOf is what the actor with a PID is: the last part of the PID, without the number that some have. There are as many kinds as places
// in the tree, however many actors; whoever is in none of them is "other".
func kindOf(pid string) string {
	last := pid[strings.LastIndexByte(pid, '/')+1:]
	if name := strings.TrimRight(last, "0123456789"); name != last {
		last = strings.TrimSuffix(name, "-")
	}
	if slices.Contains(kinds, last) {
		return last
	}
	return "other"
}
