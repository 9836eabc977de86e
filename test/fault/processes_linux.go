package fault

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// member is one process of the machine, as /proc has it.
type member struct {
	pid, parent, group int
	name               string
}

// look reads a process; ok is false if there is none, or it is but a zombie.
func look(pid int) (m member, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	begin, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')') // the name may have parentheses in it
	if err != nil || begin < 0 || end < begin {
		return m, false
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 3 || fields[0] == "Z" || fields[0] == "X" {
		return m, false
	}
	m = member{pid: pid, name: string(text[begin+1 : end])}
	m.parent, _ = strconv.Atoi(fields[1])
	m.group, _ = strconv.Atoi(fields[2])
	return m, true
}

// PIDs are those of all living processes but the keeper: worker, holder, and for a moment a holder's holder.
func (f *Family) PIDs() (pids []int) {
	for _, m := range f.members() {
		pids = append(pids, m.pid)
	}
	return pids
}

func (f *Family) members() (all []member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		pid, _ := strconv.Atoi(filepath.Base(entry))
		if pid == f.keeper {
			continue
		}
		m, ok := look(pid)
		if !ok {
			continue
		}
		ours := m.name == workerName || m.name == holderName
		switch {
		case m.parent == f.keeper:
			if ours { // a worker begins a group, which those after it are in; other children may be in anybody's
				f.groups[m.group] = true
			}
		case ours && f.groups[m.group]:
		case f.marked(pid):
		default:
			continue
		}
		all = append(all, m)
	}
	return all
}

// marked reports whether a process has the family's mark in its environment.
func (f *Family) marked(pid int) bool {
	if f.mark == "" {
		return false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(append([]byte{0}, text...), []byte("\x00"+f.mark+"\x00"))
}

// both are worker and holder, as they were at one look.
func (f *Family) both() (worker, holder int) {
	for _, m := range f.members() {
		switch m.name {
		case workerName:
			worker = m.pid
		case holderName:
			holder = m.pid
		}
	}
	return worker, holder
}

// lookAgainAt is how soon processes are looked at again: nobody tells whoever is not their parent.
const lookAgainAt = time.Millisecond

func (f *Family) kill(ctx context.Context, name string) (r Replacement, err error) {
	f.turn.Lock()
	defer f.turn.Unlock()
	for r.Killed == 0 {
		// Not by its number alone: that may be another process's by now, if this one has died.
		if r.Killed, err = f.await(ctx, name, 0); err != nil {
			return Replacement{}, err
		}
		if !strike(r.Killed, name) {
			r.Killed = 0
		}
	}
	begin := time.Now()
	if r.Successor, err = f.await(ctx, name, r.Killed); err != nil {
		return r, err
	}
	r.Gap = time.Since(begin)
	return r, nil
}

// strike kills a process, if it still has its name.
func strike(pid int, name string) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	m, ok := look(pid)
	return ok && m.name == name && unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil
}

// await waits until there is a process with this name that is not the one before. With before = 0 it waits until there are both, so that
// one of them can be killed.
func (f *Family) await(ctx context.Context, name string, before int) (int, error) {
	for {
		worker, holder := f.both()
		pid := worker
		if name == holderName {
			pid = holder
		}
		if pid != 0 && pid != before && (before != 0 || worker != 0 && holder != 0) {
			return pid, nil
		}
		timer := time.NewTimer(lookAgainAt)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			what := "there was a worker and a holder to go on after it"
			if before != 0 {
				what = fmt.Sprintf("another %s took the place of process %d", name, before)
			}
			return 0, fmt.Errorf("waited in vain until %s: keeper %s, worker %s, holder %s: %w",
				what, pidOrNone(f.alive()), pidOrNone(worker), pidOrNone(holder), ctx.Err())
		}
	}
}

// alive is the keeper's PID; 0 if it is gone.
func (f *Family) alive() int {
	if _, ok := look(f.keeper); !ok {
		return 0
	}
	return f.keeper
}

func pidOrNone(pid int) string {
	if pid == 0 {
		return "none"
	}
	return strconv.Itoa(pid)
}
