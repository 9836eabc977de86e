//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// congestionFile names the congestion control of new sockets. Each network
// namespace has its own.
const congestionFile = "/proc/sys/net/ipv4/tcp_congestion_control"

// apartMark is set in the environment of the process that has a network
// namespace of its own.
const apartMark = "BENCH_APART"

// apart runs this program again in a network namespace of its own, where the
// congestion control is the given one and the machine's is left alone. Inside
// it reports true; outside it returns when the run inside is over.
func apart(ctx context.Context, congestion string) (inside bool, err error) {
	if os.Getenv(apartMark) != "" {
		if err := loopbackUp(); err != nil {
			return false, fmt.Errorf("--congestion: the loopback of the new network does not come up: %w", err)
		}
		if err := os.WriteFile(congestionFile, []byte(congestion), 0); err != nil {
			known, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
			return false, fmt.Errorf("--congestion %s: %w; there is %s", congestion, err, strings.TrimSpace(string(known)))
		}
		return true, nil
	}
	again := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	again.Args[0] = os.Args[0]
	again.Env = append(os.Environ(), apartMark+"=1")
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	again.Cancel = func() error { return again.Process.Signal(syscall.SIGTERM) }
	err = again.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, syscall.EPERM):
		return false, errors.New("--congestion: a network of its own takes root")
	case errors.As(err, &exit) && exit.Exited():
		os.Exit(exit.ExitCode()) // it has said why
	}
	return false, err
}

// loopbackUp brings the loopback interface up.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request); err != nil {
		return err
	}
	request.SetUint16(request.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
