//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
)

// debianPackages names what each program comes in.
var debianPackages = [][2]string{
	{"haproxy", "haproxy"},
	{"nginx", "nginx"},
	{"nginx", "libnginx-mod-stream"},
	{"strace", "strace"},
}

// install gets missing programs from Debian's packages where that is allowed:
// on Debian, as root. Anywhere else it says what is missing and leaves the
// proxies that need it out.
func (b *bench) install(ctx context.Context) error {
	var missing []string
	for _, need := range debianPackages {
		program, pkg := need[0], need[1]
		_, err := lookSbin(program)
		if pkg == "libnginx-mod-stream" && err == nil {
			_, err = nginxStreamModule(ctx)
		}
		if err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, notDebian := os.Stat("/etc/debian_version")
	_, noApt := exec.LookPath("apt-get")
	if notDebian != nil || noApt != nil || os.Geteuid() != 0 {
		b.note("missing, and not installed since that takes root on Debian: %s", strings.Join(missing, ", "))
		return nil
	}
	b.progress("installing %s", strings.Join(missing, ", "))
	for _, arguments := range [][]string{
		{"update"},
		append([]string{"install", "-y", "--no-install-recommends"}, missing...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", arguments...)
		// Keeps the package scripts from starting system-wide services.
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if err := cmd.Run(); err != nil {
			b.note("apt-get %s failed (%v); missing: %s", arguments[0], err, strings.Join(missing, ", "))
			return ctx.Err()
		}
	}
	return nil
}
