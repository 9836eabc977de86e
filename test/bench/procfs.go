//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// family returns pid and all its descendants. Threads need no listing: they
// are part of their process in every figure taken here.
func family(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, entry := range entries {
		id, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			continue // gone since the listing
		}
		parent, err := parentOf(stat)
		if err != nil {
			return nil, err
		}
		children[parent] = append(children[parent], id)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// parentOf finds the parent in a /proc/PID/stat line. The program's name,
// second in the line, may hold blanks and parentheses of its own, so the
// fields are counted from the last closing one.
func parentOf(stat []byte) (int, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, fmt.Errorf("odd stat line %q", stat)
	}
	return strconv.Atoi(string(fields[1]))
}

// cpuTime is the user and system time of the processes so far, all threads,
// those that have ended included. It is read from their CPU clocks, whose unit
// is the nanosecond: the same sum in /proc/PID/stat comes in ticks of 10 ms,
// which is a tenth of what a cheap proxy spends in a whole run.
func cpuTime(pids []int) (time.Duration, error) {
	var total time.Duration
	for _, pid := range pids {
		// The clock's number, as clock_getcpuclockid(3) computes it.
		const scheduled = 2
		var spent unix.Timespec
		if err := unix.ClockGettime(int32(^pid)<<3|scheduled, &spent); err != nil {
			return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
		}
		total += time.Duration(spent.Nano())
	}
	return total, nil
}

// residentBytes is the resident memory of the processes. Pages that a master
// and its workers share are counted once per process, as top would.
func residentBytes(pids []int) (int64, error) {
	var total int64
	for _, pid := range pids {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		rss, err := rssOf(string(rollup))
		if err != nil {
			return 0, err
		}
		total += rss
	}
	return total, nil
}

func rssOf(rollup string) (int64, error) {
	for line := range strings.Lines(rollup) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "Rss:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("no Rss line in %q", rollup)
}

// openDescriptors counts the open files of the processes.
func openDescriptors(pids []int) (int, error) {
	total := 0
	for _, pid := range pids {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			return 0, err
		}
		total += len(entries)
	}
	return total, nil
}
