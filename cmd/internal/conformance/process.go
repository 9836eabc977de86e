package conformance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is what /proc says about one process.
type process struct {
	pid, parent, group int
	name               string // 15 bytes at most
	zombie             bool
	started            uint64 // since boot, in ticks: tells a process from a later one with the same number
	cpu                time.Duration
}

// ticks is the unit of /proc/PID/stat: USER_HZ, which is 100 on every architecture that Go runs on.
const ticks = time.Second / 100

// readProcess reads /proc/PID/stat. A process that has gone in the meantime is no error.
func readProcess(pid int) (process, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	// The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
	end := bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	if end < 0 || len(fields) < 20 {
		return process{}, false
	}
	number := func(i int) int { n, _ := strconv.Atoi(fields[i]); return n }
	started, _ := strconv.ParseUint(fields[19], 10, 64)
	return process{
		pid: pid, parent: number(1), group: number(2), name: string(text[bytes.IndexByte(text, '(')+1 : end]),
		started: started, zombie: fields[0] == "Z" || fields[0] == "X",
		cpu: time.Duration(number(11)+number(12)) * ticks,
	}, true
}

// readProcesses lists all processes of the machine.
func readProcesses() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var all []process
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, ok := readProcess(pid); ok {
				all = append(all, p)
			}
		}
	}
	return all
}

// family returns the living processes that belong to the forwarder with this pid: its group and its descendants, and with a tag
// also whatever carries that in its environment (a daemon that has left both).
func family(pid int, running bool, tag string) []process {
	all := readProcesses()
	// Once the first process has ended and was waited for, its number may pass to a stranger; that of its group does not, as long as
	// there is somebody in the group.
	member := map[int]bool{}
	if running {
		member[pid] = true
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !member[p.pid] && (member[p.parent] || p.group == pid) {
				member[p.pid], grown = true, true
			}
		}
	}
	var found []process
	for _, p := range all {
		if !p.zombie && (member[p.pid] || tag != "" && tagged(p.pid, tag)) {
			found = append(found, p)
		}
	}
	return found
}

// tagged reports whether the process was started with this entry in its environment.
func tagged(pid int, tag string) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(env, []byte(tag+"\x00"))
}

// descriptors lists the open descriptors of the process.
func (p process) descriptors() []int {
	dir, err := os.Open(fmt.Sprintf("/proc/%d/fd", p.pid))
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var open []int
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			open = append(open, n)
		}
	}
	return open
}

// holds reports whether the process has one of these sockets open.
func (p process) holds(inodes []string) bool {
	for _, n := range p.descriptors() {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p.pid, n))
		if inode, ok := strings.CutPrefix(link, "socket:["); ok && slices.Contains(inodes, strings.TrimSuffix(inode, "]")) {
			return true
		}
	}
	return false
}

// memory returns the resident memory of a process. A page that several processes share counts in parts, else a forwarder that
// forks for every client would look much larger than it is.
func (p process) memory() int64 {
	if n, ok := field(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid), "Pss:"); ok {
		return n
	}
	n, _ := field(fmt.Sprintf("/proc/%d/status", p.pid), "VmRSS:")
	return n
}

// field finds a line "name: 123 kB" in a file of /proc.
func field(file, name string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10, err == nil
		}
	}
	return 0, false
}

// stopped reports whether a signal has stopped the process, with every one of its threads. One that is gone does not run either.
func (p process) stopped() bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.pid))
	return !slices.ContainsFunc(threads, func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		state, ok := strings.CutPrefix(string(text[bytes.LastIndexByte(text, ')')+1:]), " ")
		return ok && !strings.ContainsAny(state[:1], "TZX")
	})
}

// kill ends the process, unless its number has passed to another one since.
func (p process) kill() {
	if now, ok := readProcess(p.pid); ok && now.started == p.started {
		_ = unix.Kill(p.pid, unix.SIGKILL)
	}
}
