package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tcpproxy/cmd/internal/lab"
	"tcpproxy/messages"
)

// seen is an event, and when it was told.
type seen struct {
	at    time.Duration
	event any
}

// journal keeps the events of a run in the order in which they were told.
type journal struct {
	clock clock
	mu    sync.Mutex
	all   []seen
}

func (j *journal) add(event any) {
	switch event.(type) {
	case messages.ActorFailed, messages.ActorRestarted, messages.ActorKilled, messages.ActorStopped, messages.SessionClosed,
		messages.ProcessRestarted:
		j.mu.Lock()
		j.all = append(j.all, seen{j.clock.now(), event})
		j.mu.Unlock()
	}
}

// until is a copy of those up to a moment.
func (j *journal) until(end time.Duration) []seen {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for n < len(j.all) && j.all[n].at <= end {
		n++
	}
	return slices.Clone(j.all[:n])
}

// victimSession is the connection that a fault is for: it is opened first.
const victimSession = "listener/session-1"

// pidOf is an actor of the victim's connection, or above it.
func pidOf(victim string) string {
	switch victim {
	case "listener", "process":
		return victim
	case "acceptor":
		return "listener/acceptor"
	case "session":
		return victimSession
	}
	return victimSession + "/" + victim
}

// roleOf is what an actor is, by its PID.
func roleOf(pid string) string {
	role := pid[strings.LastIndexByte(pid, '/')+1:]
	if strings.HasPrefix(role, "session-") {
		return "session"
	}
	return role
}

// sessionOf is the session that an actor is, or belongs to; "" for those above.
func sessionOf(pid string) string {
	listener, below, _ := strings.Cut(pid, "/")
	session, _, _ := strings.Cut(below, "/")
	if !strings.HasPrefix(session, "session-") {
		return ""
	}
	return listener + "/" + session
}

// concerns reports whether an actor is of the victim's connection, or above it.
func concerns(pid string) bool {
	s := sessionOf(pid)
	return s == "" || s == victimSession
}

// read has the run say who restarted, who else was hurt, and what became of the session.
func (t *trial) read(run *lab.Run, events []seen) (hurt map[string]bool) {
	hurt = map[string]bool{}
	for _, s := range events {
		switch e := s.event.(type) {
		case messages.ActorRestarted:
			if concerns(e.PID) {
				run.RestartsMs = append(run.RestartsMs, lab.Took{Who: roleOf(e.PID), Ms: ms(e.After)})
			} else {
				hurt[sessionOf(e.PID)] = true
			}
		case messages.SessionClosed:
			if e.PID == victimSession {
				run.Cause = e.Cause.String()
				run.GaveUp = e.Cause == messages.CauseSupervision
			}
		case messages.ProcessRestarted:
			run.RestartsMs = append(run.RestartsMs, lab.Took{Who: "process", Ms: ms(e.After)})
			for i := range beside { // all actors are new ones
				hurt[fmt.Sprintf("listener/session-%d", i+2)] = true
			}
		}
	}
	return hurt
}

// tell puts the events that concern the victim's connection on its timeline.
func tell(events []seen, zero time.Duration) (all []lab.Event) {
	add := func(at time.Duration, name, pid, what string) {
		if pid == "process" || concerns(pid) {
			all = append(all, lab.Event{Ms: ms(at - zero), Name: name, Who: roleOf(pid), What: what})
		}
	}
	for _, s := range events {
		switch e := s.event.(type) {
		case messages.ActorKilled:
			add(s.at, "killed", e.PID, e.Mode)
		case messages.ActorFailed:
			what := fmt.Sprintf("%s says %s", e.Strategy, e.Directive)
			if e.Delay > 0 {
				what += fmt.Sprintf(" after %v", e.Delay.Round(100*time.Microsecond))
			}
			add(s.at, "failed", e.PID, what)
		case messages.ActorRestarted:
			add(s.at, "restarted", e.PID, fmt.Sprintf("incarnation %d", e.Restarts))
		case messages.ActorStopped:
			add(s.at, "stopped", e.PID, e.Reason)
		case messages.SessionClosed:
			add(s.at, "closed", e.PID, e.Cause.String())
		case messages.ProcessRestarted:
			add(s.at, "restarted", "process", fmt.Sprintf("process %d", e.Generation))
		}
	}
	return all
}
