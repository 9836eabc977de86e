//go:build linux

package survive

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// install puts a program at a path in one step, as a package manager does, and tells which file it is.
func install(t *testing.T, path string, program []byte) os.FileInfo {
	t.Helper()
	if err := os.WriteFile(path+".new", program, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// upgradable is a program that runs from a path of its own, and which file it is.
func upgradable(t *testing.T) (p *proxy, path string, program []byte, file os.FileInfo) {
	t.Helper()
	program, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "tcpproxy")
	file = install(t, path, program)
	return start(t, path), path, program, file
}

// runs fails the test unless a process runs that file.
func runs(t *testing.T, pid int, file os.FileInfo) {
	t.Helper()
	if now, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || !os.SameFile(now, file) {
		t.Errorf("process %d does not run the program that it should; %v", pid, err)
	}
}

func TestUpgrade(t *testing.T) {
	for _, toKeeper := range []bool{true, false} {
		t.Run(fmt.Sprintf("signal to the keeper %v", toKeeper), func(t *testing.T) {
			p, path, program, old := upgradable(t)
			first, _ := p.now()
			runs(t, first.Worker, old)
			newer := install(t, path, program)
			to := first.Worker
			if toKeeper {
				to = first.Keeper
			}
			p.kill(to, syscall.SIGUSR2)
			second := p.next(first)
			if second.Reason != "upgrade" {
				t.Errorf("after %+v: %+v", first, second)
			}
			runs(t, second.Worker, newer)
			p.fetch()
			// When it has shown that it works, it lets the old program go, and does not go back to it any more.
			eventually(t, "the old program is let go", func() bool { return !holds(second.Worker, old) })
			p.kill(second.Worker, syscall.SIGKILL)
			third := p.next(second)
			if third.Reason != "killed by signal 9" {
				t.Errorf("after %+v: %+v", second, third)
			}
			runs(t, third.Worker, newer)
			p.kill(p.keeper(), syscall.SIGTERM)
			if code := p.end(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// holds reports whether a process has a descriptor of that file.
func holds(pid int, file os.FileInfo) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if held, err := os.Stat(filepath.Join(dir, entry.Name())); err == nil && os.SameFile(held, file) {
			return true
		}
	}
	return false
}

// A program that says no, or nothing, does not take over.
func TestUpgradeRefused(t *testing.T) {
	p, path, _, old := upgradable(t)
	for program, reason := range map[string]string{
		"#!/bin/sh\necho not today >&2\nexit 1\n": "exit status 1: not today",
		"no program": "exec format error",
		"":           "no such file",
	} {
		if program == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		} else {
			install(t, path, []byte(program))
		}
		p.kill(p.keeper(), syscall.SIGUSR2)
		p.awaitLog(reason)
	}
	now, err := p.now()
	if err != nil || now.Generation != 1 {
		t.Errorf("%+v, %v", now, err)
	}
	runs(t, now.Worker, old)
	if n := strings.Count(p.said(), "that program cannot take over"); n != 3 {
		t.Errorf("%d refusals", n)
	}
}

// A program that says yes, and dies, is answered by going back; and so is one that serves, and dies on trial.
func TestUpgradeGoesBack(t *testing.T) {
	p, path, program, old := upgradable(t)
	install(t, path, []byte("#!/bin/sh\ncase \"$*\" in *--survive-check*) exit 0;; esac\nexit 3\n"))
	first, _ := p.now()
	p.kill(p.keeper(), syscall.SIGUSR2)
	back := p.next(first)
	if back.Reason != "upgrade failed: went back" || back.Generation != 2 {
		t.Errorf("after %+v: %+v", first, back)
	}
	runs(t, back.Worker, old)

	newer := install(t, path, program)
	p.kill(p.keeper(), syscall.SIGUSR2)
	second := p.next(back)
	runs(t, second.Worker, newer)
	p.kill(second.Worker, syscall.SIGKILL)
	third := p.next(second)
	if third.Reason != "upgrade failed: went back" {
		t.Errorf("after %+v: %+v", second, third)
	}
	runs(t, third.Worker, old)
	if holds(third.Worker, newer) {
		t.Error("the program that failed is still held")
	}
	p.fetch()
}

// A program whose state has another layout does not take over; and if it is started all the same, it steps back for the one before.
func TestUpgradeToOtherLayout(t *testing.T) {
	p, path, _, old := upgradable(t)
	dir := t.TempDir()
	source, err := filepath.Abs("../../actors/survival/header.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(text), "const Layout = ", "const Layout = 1000 + ", 1)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: filepath.Join(dir, "header.go")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"header.go": other, "overlay.json": string(overlay)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"),
		"-o", filepath.Join(dir, "other"), "tcpproxy/cmd/tcpproxy")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code, err := os.ReadFile(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	install(t, path, code)
	first, _ := p.now()
	p.kill(p.keeper(), syscall.SIGUSR2)
	p.awaitLog("exit status 1: tcpproxy: it knows layout 10")

	// The one that is asked says yes, and that one is executed.
	install(t, path, []byte("#!/bin/sh\ncase \"$*\" in *--survive-check*) exit 0;; esac\nexec "+filepath.Join(dir, "other")+" \"$@\"\n"))
	p.kill(p.keeper(), syscall.SIGUSR2)
	second := p.next(first)
	if second.Generation != 2 || second.Reason != "upgrade failed: went back" {
		t.Errorf("after %+v: %+v", first, second)
	}
	runs(t, second.Worker, old)
	if !strings.Contains(p.said(), "tcpproxy: the state that was left behind has layout ") {
		t.Error("the program with the other layout did not say what was wrong")
	}
}

func TestCheckLayout(t *testing.T) {
	out, err := exec.Command(plain, "--survive-check=99", "--survive", "localhost", "80", "3000").CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 || strings.Count(string(out), "\n") != 1 ||
		!strings.Contains(string(out), "was asked for 99") {
		t.Errorf("%v: %s", err, out)
	}
}
