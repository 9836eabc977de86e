//go:build linux

package survive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/freeport"
	"tcpproxy/test/program"
)

// Programs that people run through the proxy. Each server is the test's own, on a port and with files of its own.

// debianPackages has the package of every program that the tests need.
var debianPackages = map[string]string{
	"redis-benchmark": "redis-tools", "redis-cli": "redis-tools", "redis-server": "redis-server",
	"scp": "openssh-client", "ssh": "openssh-client", "ssh-keygen": "openssh-client", "sshd": "openssh-server",
}

// need skips the test if programs are missing. Where CI=true nothing may be missing: tests that nobody runs prove nothing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin") // where Debian has servers, which is not in everybody's path
	var missing []string
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name+" (Debian package "+debianPackages[name]+")")
		}
	}
	switch {
	case missing == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("missing: %s", strings.Join(missing, ", "))
	default:
		t.Skipf("missing: %s", strings.Join(missing, ", "))
	}
}

// own makes a command a process group of its own, which dies with the tests.
func own(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a client to its end, and returns what it has said on standard output.
func run(within time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	cmd := own(exec.CommandContext(ctx, name, args...))
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // a client may have children
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(errors.New("stalled"), err)
		}
		return "", fmt.Errorf("%s: %w\n%s%s", cmd, err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// serve runs a server that command makes for a port, until the end of the test. It returns the server's address when it accepts.
func serve(t *testing.T, command func(port string) *exec.Cmd) (addr string) {
	t.Helper()
	for range 5 { // another program may take the port first
		port := freeport.For(t)
		addr = net.JoinHostPort("127.0.0.1", port)
		cmd, log := own(command(port)), new(program.Journal)
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(ended)
		}()
		t.Cleanup(func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
			if t.Failed() {
				t.Logf("the last that %s said:\n%s", filepath.Base(cmd.Path), log.Tail(2000))
			}
		})
		accepts := false
		program.Eventually(t, program.Patience, cmd.Path+" accepts connections", func() bool {
			c, err := net.Dial("tcp", addr)
			if accepts = err == nil; accepts {
				_ = c.Close()
			}
			select {
			case <-ended:
				return true
			default:
				return accepts
			}
		})
		if accepts {
			return addr
		}
	}
	t.Fatal("no port could be had")
	return ""
}

// serveRedis runs a server that keeps everything in memory.
func serveRedis(t *testing.T) string {
	dir := t.TempDir()
	return serve(t, func(port string) *exec.Cmd {
		return exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", dir)
	})
}

// keys are those of an sshd and of its one user.
type keys struct{ dir, user string }

func makeKeys(t *testing.T) keys {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	k := keys{t.TempDir(), me.Username}
	for _, name := range []string{"host", "user"} {
		args := []string{"-q", "-t", "ed25519", "-N", "", "-C", name, "-f", k.path(name)}
		if _, err := run(patience, "ssh-keygen", args...); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func (k keys) path(name string) string { return filepath.Join(k.dir, name) }

// write writes a file beside the keys.
func (k keys) write(t *testing.T, name, format string, args ...any) string {
	t.Helper()
	if err := os.WriteFile(k.path(name), fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
	return k.path(name)
}

// serveSSH runs a server that lets nobody in but the user who runs the tests, by the key.
func serveSSH(t *testing.T, k keys) string {
	t.Helper()
	if os.Getuid() == 0 { // sshd insists on this directory when root runs it
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sshd, err := exec.LookPath("sshd") // which runs itself again for every client, and needs its full path for that
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, func(port string) *exec.Cmd {
		return exec.Command(sshd, "-D", "-e", "-f", k.write(t, "sshd_config", `
ListenAddress 127.0.0.1:%s
HostKey %s
AuthorizedKeysFile %s
AllowUsers %s
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
StrictModes no
PidFile none
Subsystem sftp internal-sftp
`, port, k.path("host"), k.path("user.pub"), k.user))
	})
}

// configSSH writes a configuration by which ssh and scp find an address under the name "peer".
func configSSH(t *testing.T, k keys, addr string) (path string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	public, err := os.ReadFile(k.path("host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	return k.write(t, "ssh_config", `
Host peer
HostName %s
Port %s
User %s
IdentityFile %s
IdentitiesOnly yes
IdentityAgent none
HostKeyAlias peer
UserKnownHostsFile %s
GlobalKnownHostsFile none
StrictHostKeyChecking yes
BatchMode yes
Compression no
LogLevel ERROR
`, host, port, k.user, k.path("user"), k.write(t, "known", "peer %s", public))
}
