package survival

import (
	"fmt"
	"syscall"
	"time"
)

// Reason is why a worker ended that was not told to by a signal.
type Reason uint64

const (
	// ReasonNone: nobody meant it to; Header.Status knows more.
	ReasonNone Reason = iota
	// ReasonUpgrade: another image takes over.
	ReasonUpgrade
	// ReasonChaos: it killed itself, as it was told to on the command line.
	ReasonChaos
	// ReasonWentBack: the image on trial died, and the one before goes on.
	ReasonWentBack
	// ReasonLost: worker and holder died together, and took the connections with them.
	ReasonLost
)

// statusPatience is how long the keeper may take to tell how a worker died: it is told by the system at the same time as the holder.
const statusPatience = 200 * time.Millisecond

// LastReason says in words why the worker before this one ended. keeperGone is closed when nobody can tell any more.
func (h *Header) LastReason(keeperGone <-chan struct{}) string {
	switch Reason(h.Why.Load()) {
	case ReasonUpgrade:
		return "upgrade"
	case ReasonChaos:
		return "killed by chaos"
	case ReasonWentBack:
		return "upgrade failed: went back"
	case ReasonLost:
		return "worker and holder died together"
	}
	for patience := time.After(statusPatience); ; {
		status := h.Status.Load()
		if status>>32 == h.Before.Load() {
			return describe(syscall.WaitStatus(uint32(status)))
		}
		select {
		case <-time.After(time.Millisecond):
		case <-keeperGone:
			return "died"
		case <-patience:
			return "died"
		}
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("killed by signal %d", status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// NoteStatus notes how a process died, if that was a worker. For the keeper, who alone is told. If the worker served, and the holder has
// not found that out yet, since it is kept from running, it also notes when that was.
func (h *Header) NoteStatus(pid int, status syscall.WaitStatus) {
	if int64(pid) == h.Worker.Load() && h.Launches.Load() == 0 {
		h.Missed.Store(Monotonic())
	}
	if p := int64(pid); p == h.Worker.Load() || p == h.Before.Load() {
		h.Status.Store(p<<32 | int64(uint32(status)))
	}
}

// Gap is how long nobody has served since the last worker that did: by then the keeper or the holder found it gone, whoever was earlier.
func (h *Header) Gap() time.Duration {
	since := h.Died.Load()
	if since == 0 {
		return 0
	}
	if missed := h.Missed.Load(); missed != 0 {
		since = min(since, missed)
	}
	return time.Duration(max(Monotonic()-since, 0))
}
