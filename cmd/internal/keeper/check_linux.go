package keeper

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tcpproxy/actors/survival"
)

// checkPatience is how long a new program may take to say whether it can take over.
const checkPatience = 10 * time.Second

// check is a new program that is being asked whether it can take over. The zero check is none.
type check struct {
	pid   int
	said  int // a file of its standard error
	timer *time.Timer
	late  bool
}

// programPath is the path that this program was started from, where an upgrade would be put. It may be a symbolic link that will then
// point elsewhere.
func programPath() string {
	real, err := os.Executable()
	if err != nil {
		real = self
	}
	given, err := exec.LookPath(os.Args[0])
	if err != nil {
		return real
	}
	if given, err = filepath.Abs(given); err != nil || !sameFile(given, self) {
		return real
	}
	return given
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// beginCheck starts the program at the path to ask whether it can take over.
func (k *keeper) beginCheck() {
	if k.asked.pid != 0 {
		k.Log.Info("SIGUSR2 ignored: an upgrade is being checked")
		return
	}
	if k.memory.Trial.Load() == 1 {
		k.refuse("the last upgrade is still on trial")
		return
	}
	said, err := unix.MemfdCreate("said", unix.MFD_CLOEXEC)
	if err != nil {
		k.refuse(err.Error())
		return
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		closeAll(said)
		k.refuse(err.Error())
		return
	}
	defer closeAll(null)
	args := append([]string{k.program, fmt.Sprintf("%s=%d", CheckFlag, survival.Layout)}, k.Args...)
	pid, err := syscall.ForkExec(k.program, args, &syscall.ProcAttr{
		Env: append(os.Environ(), k.Env...), Files: []uintptr{uintptr(null), uintptr(null), uintptr(said)},
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		closeAll(said)
		k.refuse(err.Error())
		return
	}
	k.asked = check{pid: pid, said: said, timer: time.NewTimer(checkPatience)}
}

// overdue fires when the program that is being asked has had its time.
func (k *keeper) overdue() <-chan time.Time {
	if k.asked.timer == nil {
		return never
	}
	return k.asked.timer.C
}

func (k *keeper) abandonCheck() {
	k.asked.late = true
	_ = unix.Kill(k.asked.pid, unix.SIGKILL)
}

// endCheck obeys the answer: an exit code of 0 is a yes.
func (k *keeper) endCheck(status syscall.WaitStatus) {
	c := k.asked
	k.asked = check{}
	c.timer.Stop()
	defer closeAll(c.said)
	switch {
	case c.late:
		k.refuse(fmt.Sprintf("it did not answer within %v", checkPatience))
	case status.Signaled():
		k.refuse(fmt.Sprintf("it was killed by signal %d", status.Signal()))
	case status.ExitStatus() != 0:
		k.refuse(fmt.Sprintf("exit status %d: %s", status.ExitStatus(), firstLine(c.said)))
	default:
		k.Log.Info("upgrading", "program", k.program)
		notify(reloading)
		k.memory.Upgrade.Add(1)
		k.wake()
	}
}

func (k *keeper) refuse(why string) {
	k.Log.Error("no upgrade: that program cannot take over", "program", k.program, "reason", why)
	if k.ready {
		notify(ready) // whoever ordered the upgrade may wait for it
	}
}

// dropCheck ends a program that is still being asked when the keeper ends.
func (k *keeper) dropCheck() {
	if k.asked.pid != 0 {
		k.asked.timer.Stop()
		_ = unix.Kill(k.asked.pid, unix.SIGKILL)
		_, _ = unix.Wait4(k.asked.pid, nil, 0, nil)
		closeAll(k.asked.said)
	}
}

func firstLine(fd int) string {
	text := make([]byte, 1024)
	n, _ := unix.Pread(fd, text, 0)
	line, _, _ := strings.Cut(strings.ToValidUTF8(string(text[:max(n, 0)]), "?"), "\n")
	return line
}
