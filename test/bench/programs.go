//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// gather builds what is built here, finds what is installed, and returns the
// wanted proxies in the order of peerNames. What cannot take part is left out
// with a note; only a program of this repository that does not build is an
// error.
func (b *bench) gather(ctx context.Context, wanted []string) error {
	if err := b.build(ctx, "load", "./test/bench/load"); err != nil {
		return err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	descriptors := int(min(limit.Cur, 1<<16))
	for _, name := range peerNames {
		if !slices.Contains(wanted, name) {
			continue
		}
		p, err := b.find(ctx, name, descriptors)
		if err != nil {
			return err
		}
		if p != nil {
			b.peers = append(b.peers, *p)
		}
	}
	if len(b.peers) == 0 {
		return errors.New("none of the proxies can be run")
	}
	return nil
}

// find returns the named proxy, or nil with a note if it cannot take part.
func (b *bench) find(ctx context.Context, name string, descriptors int) (*peer, error) {
	// A session takes two descriptors; 500 are left for pipes and the rest.
	maxSessions := (descriptors - 1000) / 2
	cores := runtime.NumCPU()
	switch name {
	case ours, oursTwoLoops, oursSurviving:
		arguments := ourArguments()
		switch name {
		case oursTwoLoops:
			arguments = ourArguments("--loops", "2")
		case oursSurviving:
			arguments = ourArguments("--survive")
		}
		if b.given != "" {
			path, err := filepath.Abs(b.given)
			if err == nil {
				_, err = os.Stat(path)
			}
			return &peer{name, path, "as given", arguments}, err
		}
		return b.built(ctx, name, "./cmd/tcpproxy", arguments)
	case ioCopy:
		return b.built(ctx, name, "./test/bench/iocopy", plainArguments())
	case wireOnly:
		return b.built(ctx, name, "./actors/internal/wireonly", plainArguments())
	case haproxy:
		return b.installed(ctx, name, "haproxy", haproxyArguments(maxSessions, cores, ""))
	case haproxySplice:
		return b.installed(ctx, name, "haproxy",
			haproxyArguments(maxSessions, cores, "    option splice-request\n    option splice-response\n"))
	case nginx:
		module, err := nginxStreamModule(ctx)
		if err != nil {
			b.note("%s is left out: %v", name, err)
			return nil, nil
		}
		return b.installed(ctx, name, "nginx", nginxArguments(module, descriptors, cores))
	}
	return nil, fmt.Errorf("no such proxy: %q", name)
}

// build compiles a package the way the proxy is released: stripped, so that
// sizes compare with Debian's stripped binaries.
func (b *bench) build(ctx context.Context, name, pkg string) error {
	b.progress("building %s", pkg)
	out := filepath.Join(b.dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the Makefile builds what people use
	if said, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		return fmt.Errorf("building %s: %w: %s", pkg, err, strings.Join(lines, "; "))
	}
	return nil
}

func (b *bench) built(ctx context.Context, name, pkg string, arguments func(string, int, int) ([]string, error)) (*peer, error) {
	if err := b.build(ctx, name, pkg); err != nil {
		return nil, err
	}
	return &peer{name, filepath.Join(b.dir, name), runtime.Version(), arguments}, nil
}

func (b *bench) installed(ctx context.Context, name, program string, arguments func(string, int, int) ([]string, error)) (*peer, error) {
	path, err := lookSbin(program)
	if err != nil {
		b.note("%s is left out: %s is not installed", name, program)
		return nil, nil
	}
	said, err := exec.CommandContext(ctx, path, "-v").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s -v: %w", program, err)
	}
	return &peer{name, path, versionIn(string(said)), arguments}, nil
}

// versionIn picks the version out of what haproxy -v or nginx -v print.
func versionIn(said string) string {
	if version := regexp.MustCompile(`\d+\.\d+[^\s]*`).FindString(said); version != "" {
		return version
	}
	return "unknown"
}

// lookSbin finds a program also where daemons are kept, which is not on every
// user's path.
func lookSbin(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", program))
}

// nginxStreamModule returns the file to load, or nothing when the module is
// compiled in.
func nginxStreamModule(ctx context.Context) (string, error) {
	path, err := lookSbin("nginx")
	if err != nil {
		return "", errors.New("nginx is not installed")
	}
	said, err := exec.CommandContext(ctx, path, "-V").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("nginx -V: %w", err)
	}
	return streamModuleIn(string(said), func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

func streamModuleIn(said string, exists func(string) bool) (string, error) {
	flags := strings.Fields(said)
	if slices.Contains(flags, "--with-stream") {
		return "", nil
	}
	for _, flag := range flags {
		if dir, found := strings.CutPrefix(flag, "--modules-path="); found {
			if module := filepath.Join(dir, "ngx_stream_module.so"); exists(module) {
				return module, nil
			}
		}
	}
	return "", errors.New("nginx has no stream module (Debian: libnginx-mod-stream)")
}
