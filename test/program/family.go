//go:build linux

package program

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mark is in the environment of the program that a test starts, and so of whatever that starts: by it they are told, whoever their parent
// has become.
const mark = "TCPPROXY_TEST_FAMILY="

// process is one process of the machine, as /proc has it.
type process struct {
	pid    int
	name   string
	state  byte
	parent int
}

// look reads a process; ok is false if there is none, or it is but a zombie.
func look(pid int) (p process, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, false
	}
	begin, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
	fields := strings.Fields(string(text[end+1:]))
	parent, _ := strconv.Atoi(fields[1])
	return process{pid, string(text[begin+1 : end]), fields[0][0], parent}, fields[0] != "Z" && fields[0] != "X"
}

// Family are the PIDs of all living processes of the program but the one that was started: worker, holder, and a holder's holder.
func (p *Program) Family() (pids []int) {
	for _, m := range p.family() {
		pids = append(pids, m.pid)
	}
	return pids
}

func (p *Program) family() (all []process) {
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		pid, _ := strconv.Atoi(filepath.Base(entry))
		if pid == p.PID() {
			continue
		}
		if m, ok := look(pid); ok && (m.parent == p.PID() || belongs(pid, p.tag())) {
			all = append(all, m)
		}
	}
	return all
}

func (p *Program) tag() string {
	for _, e := range p.Cmd.Env {
		if strings.HasPrefix(e, mark) {
			return e
		}
	}
	return ""
}

// belongs reports whether a process has the tag in its environment.
func belongs(pid int, tag string) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && tag != "" && strings.Contains(string(text), tag+"\x00")
}

// Worker is the PID of the worker; 0 while there is none.
func (p *Program) Worker() int { return p.named("tcpproxy-worker") }

// Holder is the PID of the holder; 0 while there is none.
func (p *Program) Holder() int { return p.named("tcpproxy-holder") }

func (p *Program) named(name string) int {
	for _, m := range p.family() {
		if m.name == name {
			return m.pid
		}
	}
	return 0
}
