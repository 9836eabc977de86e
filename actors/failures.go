package actors

import (
	"errors"
	"fmt"
	"time"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// restartBudget counts the recent failures of one child. The zero budget is unused. In OTP's words its limits are intensity and period:
// Config.MaxRestarts and Config.Within.
type restartBudget struct{ failures []time.Time }

// budgetKeeps is how many failures beyond the intensity are remembered: as many as make a delay grow to its cap.
const budgetKeeps = 8

// note counts a failure.
func (b *restartBudget) note(now time.Time, intensity int) {
	b.failures = append(b.failures, now)
	if extra := len(b.failures) - budgetKeeps - intensity; extra > 0 {
		b.failures = append(b.failures[:0], b.failures[extra:]...)
	}
}

// recent is how many failures lie within the period before now.
func (b *restartBudget) recent(now time.Time, period time.Duration) int {
	since := now.Add(-period)
	n := len(b.failures)
	for n > 0 && b.failures[n-1].After(since) {
		n--
	}
	return len(b.failures) - n
}

// failures is what is kept of a child that has failed at least once.
type failures struct {
	budget restartBudget
	since  int64  // when the failure happened that it has not come back from yet (nanoseconds of the lane's loop); 0 if none
	kill   string // how somebody brought that failure about; see messages.ActorFailed

	dueAt int64 // when its delayed restart is due (the same clock); 0 if none
	due   wire.Timer
}

// failures finds the child's record; nil if it has never failed.
func (c *child) failures(e *endpoint) *failures {
	if c.conn == nil {
		return &e.failures[c.role]
	}
	if c.conn.failures == nil {
		return nil
	}
	return &c.conn.failures[c.role-RoleSession]
}

// noted is failures, for a child that has failed.
func (c *child) noted(e *endpoint) *failures {
	if c.conn != nil && c.conn.failures == nil {
		c.conn.failures = new([roles - RoleSession]failures)
	}
	return c.failures(e)
}

// noteFailure notes when a child failed. Its mailbox calls it before anybody else hears of the failure.
func (c *child) noteFailure(e *endpoint) {
	if f := c.noted(e); f.since == 0 {
		f.since = int64(e.lane.loop.Since())
	}
}

// cancelRestart makes a delayed restart not happen: something else has restarted the child, or it shall not come back.
func (c *child) cancelRestart(e *endpoint) {
	if f := c.failures(e); f != nil && f.dueAt != 0 {
		e.lane.loop.Disarm(&f.due)
		f.dueAt = 0
	}
}

// delayed reports whether the child waits for a restart that was put off.
func (c *child) delayed(e *endpoint) bool {
	f := c.failures(e)
	return f != nil && f.dueAt != 0
}

// state is what the tree shows of a child that is not special: running, suspended (it has failed, and its supervisor has not answered
// yet), delayed (it waits for a restart that was put off), gone (it was stopped, and has no successor yet), stopping.
func (c *child) state(e *endpoint) string {
	switch {
	case c.delayed(e):
		return "delayed"
	case c.gone:
		return "gone"
	case c.box.is(stopping | stopPending):
		return "stopping"
	case c.box.is(suspended):
		return "suspended"
	}
	return "running"
}

// onPurpose is what an actor panics with that was told to fail.
type onPurpose struct{ reason string }

// String is the reason that was given.
func (p onPurpose) String() string { return p.reason }

// fail obeys a Fail.
func fail(m *messages.Fail) { panic(onPurpose{m.Reason}) }

// errStopped is the reason given when an actor did not fail but stopped though nobody in the tree had ordered it.
var errStopped = errors.New("stopped from outside")

// killOf tells how somebody brought a failure about: "panic", "stop", or "" if nobody did.
func killOf(reason any) string {
	switch reason.(type) {
	case onPurpose:
		return "panic"
	default:
		if reason == errStopped {
			return "stop"
		}
	}
	return ""
}

// asError makes an error of what a panic was given.
func asError(reason any) error {
	if err, ok := reason.(error); ok {
		return err
	}
	return errors.New(describe(reason))
}

func describe(reason any) string { return fmt.Sprint(reason) }
