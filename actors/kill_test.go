package actors

import (
	"strings"
	"testing"
)

// FuzzFind: what a caller of the admin API gives as a PID is either found below its listener, with a role that its name bears out, or
// not at all. The corpus is in testdata.
func FuzzFind(f *testing.F) {
	s := &shared{endpoints: []*endpoint{{name: "listener-1"}, {name: "listener-2"}, {name: "listener"}}}
	f.Fuzz(func(t *testing.T, pid string) {
		e, role := s.find(pid)
		if e == nil {
			return
		}
		if pid != e.name && !strings.HasPrefix(pid, e.name+"/") {
			t.Errorf("%q is found below %s", pid, e.name)
		}
		if role == RoleListener != (pid == e.name) || !strings.Contains(pid, tree[role].name) {
			t.Errorf("%q is found to be a %v", pid, role)
		}
	})
}
