//go:build linux

package main

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestParentOfReadsPastOddNames(t *testing.T) {
	for line, want := range map[string]int{
		"4242 (nginx) S 4241 4241 17 0 -1 4194560 120 0 0 0 3 5 0 0":               4241,
		"77 (a (b) c) R 1 77 77 0 -1 4194560 120 0 0 0 3 5 0 0":                    1,
		"9 (nginx: worker) process) S 12 9 17 0 -1 4194560 120 0 0 0 3 5 0 0 20 0": 12,
	} {
		if got, err := parentOf([]byte(line)); err != nil || got != want {
			t.Errorf("parentOf(%q) = %d, %v, want %d", line, got, err, want)
		}
	}
	if _, err := parentOf([]byte("nonsense")); err == nil {
		t.Error("parentOf accepts nonsense")
	}
}

func TestRssOf(t *testing.T) {
	const rollup = `55d0c8a00000-7ffd3c5f9000 ---p 00000000 00:00 0                          [rollup]
Rss:               16544 kB
Pss:                9263 kB
Pss_Anon:           6120 kB
Private_Dirty:      6120 kB
`
	if got, err := rssOf(rollup); err != nil || got != 16544<<10 {
		t.Errorf("rssOf = %d, %v, want %d", got, err, 16544<<10)
	}
	if _, err := rssOf("Pss: 1 kB\n"); err == nil {
		t.Error("rssOf finds an Rss line where there is none")
	}
}

func TestFamilyFindsGrandchildren(t *testing.T) {
	// The shell waits for a child of its own, which sleeps.
	shell, err := startProcess(nil, nil, "/bin/sh", "-c", "sleep 30; true")
	if err != nil {
		t.Fatal(err)
	}
	defer shell.stop()
	deadline := time.Now().Add(5 * time.Second)
	for {
		pids, err := family(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if at := slices.Index(pids, shell.pid()); at >= 0 && len(pids) >= 3 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("family of %d is %v; it lacks %d or its child", os.Getpid(), pids, shell.pid())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestCPUTimeSeesWork(t *testing.T) {
	self := []int{os.Getpid()}
	before, err := cpuTime(self)
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < 5*time.Millisecond; {
	}
	after, err := cpuTime(self)
	if err != nil {
		t.Fatal(err)
	}
	if after <= before {
		t.Errorf("CPU time went from %v to %v", before, after)
	}
}

func TestHoldingsOfThisProcess(t *testing.T) {
	r := &rig{pids: []int{os.Getpid()}}
	bytes, files, err := r.holdings()
	if err != nil || bytes <= 0 || files < 3 {
		t.Errorf("holdings = %d bytes, %d files, %v", bytes, files, err)
	}
}

func TestStopKillsTheWholeGroup(t *testing.T) {
	shell, err := startProcess(nil, nil, "/bin/sh", "-c", "trap '' TERM INT; sleep 30 & sleep 30")
	if err != nil {
		t.Fatal(err)
	}
	shell.stop()
	if err := syscall.Kill(-shell.pid(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process group is still there: %v", err)
	}
}
