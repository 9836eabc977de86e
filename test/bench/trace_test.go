//go:build linux

package main

import "testing"

func TestCallsInReadsBothKindsOfLines(t *testing.T) {
	const table = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 56.20    1.706419        3074       555           epoll_wait
 28.54    0.866443          29     29293           sendto
 15.03    0.456342          15     29295         1 recvfrom
  0.00    0.000000           0         2           close
------ ----------- ----------- --------- --------- ----------------
100.00    3.029204          51     59145         1 total
`
	calls, err := callsIn(table)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"epoll_wait": 555, "sendto": 29293, "recvfrom": 29295, "close": 2}
	if len(calls) != len(want) {
		t.Errorf("calls = %v", calls)
	}
	for name, n := range want {
		if calls[name] != n {
			t.Errorf("%s = %d, want %d", name, calls[name], n)
		}
	}
	tracer := tracer{calls: calls, units: 555}
	if got, want := tracer.shares(), "recvfrom 52.78, sendto 52.78, epoll_wait 1.00"; got != want {
		t.Errorf("shares = %q, want %q", got, want)
	}
	if _, err := callsIn(""); err == nil {
		t.Error("an empty table passes for a count")
	}
}
