package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"tcpproxy/test/freeport"
)

// forbidden names a system call that a sandbox refuses to this process, and with what error: "number errno".
const forbidden = "TCPPROXY_TEST_FORBIDDEN"

// sandbox puts the process into one, as the environment says. Only a call that would share a parent is refused of those that make
// processes.
func sandbox() {
	number, errno, found := strings.Cut(os.Getenv(forbidden), " ")
	if !found {
		return
	}
	call, _ := strconv.Atoi(number)
	code, _ := strconv.Atoi(errno)
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(call), Jf: 4},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE, Jf: 2},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16}, // the lower half of the first argument
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: unix.CLONE_PARENT, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(code)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	_, _, refused := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)))
	if refused != 0 {
		panic(refused)
	}
}

// Where --survive cannot be had, the program says so in a line, and what to do.
func TestSurviveRefused(t *testing.T) {
	for _, c := range []struct {
		call  int
		errno syscall.Errno
		says  string
	}{
		{unix.SYS_PIDFD_OPEN, unix.ENOSYS, "takes Linux 5.3 or later: leave it out"},
		{unix.SYS_PIDFD_OPEN, unix.EPERM, "(pidfd_open): operation not permitted: a sandbox may forbid it: leave it out"},
		{unix.SYS_MEMFD_CREATE, unix.ENOSYS, "(memfd_create): function not implemented: leave it out"},
		{unix.SYS_CLONE, unix.EPERM, "(clone): operation not permitted: a sandbox forbids it: leave out --survive"},
	} {
		command := program(t, "--survive", "--demo", freeport.For(t))
		command.Env = append(command.Env, forbidden+"="+strconv.Itoa(c.call)+" "+strconv.Itoa(int(c.errno)))
		out, err := command.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitError || strings.Count(string(out), "\n") != 1 ||
			!strings.HasPrefix(string(out), "tcpproxy: ") || !strings.Contains(string(out), c.says) {
			t.Errorf("system call %d, %v: %v, %q, want %q", c.call, c.errno, err, out, c.says)
		}
	}
}

// survives reports whether --survive can be had here.
func survives(*testing.T) bool { return true }
