package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// topProgram is what `tcpproxy top` executes: what shows a proxy in a terminal would take a megabyte of memory from every proxy that does
// not, so it is a program of its own.
const topProgram = "tcpproxy-top"

// isTop tells the command from a destination that is called top: that one has its port and the listen-port beside it, and the command has
// nothing but its own flags.
func isTop(args []string) bool {
	if len(args) == 0 || args[0] != "top" {
		return false
	}
	for rest := args[1:]; len(rest) > 0; rest = rest[1:] {
		flag, _, hasValue := strings.Cut(rest[0], "=")
		switch flag {
		case "--help", "-h":
		case "--admin", "--admin-token-file":
			if !hasValue && len(rest) > 1 {
				rest = rest[1:]
			}
		default:
			return false
		}
	}
	return true
}

// runTop becomes the program that shows a proxy. It returns only if that cannot be had.
func runTop(args []string) error {
	path, err := findTop()
	if err != nil {
		return err
	}
	err = syscall.Exec(path, append([]string{topProgram}, args...), os.Environ()) //nolint:gosec // it was installed with this program
	return fmt.Errorf("top: %s: %w", path, err)
}

// findTop looks beside this program, and then where commands are.
func findTop() (string, error) {
	if own, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(own), topProgram)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(topProgram)
	if err != nil {
		return "", fmt.Errorf("top: there is no %s, neither beside this program nor in the PATH: make builds both, install them together",
			topProgram)
	}
	return path, nil
}
