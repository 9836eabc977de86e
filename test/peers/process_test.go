//go:build linux

package peers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/freeport"
)

// patience bounds everything that a test waits for. Only a stall uses it up.
const patience = 45 * time.Second

// debianPackages has the package of every program that the tests need.
var debianPackages = map[string]string{
	"ab":              "apache2-utils",
	"curl":            "curl",
	"nc":              "netcat-openbsd",
	"nginx":           "nginx",
	"redis-benchmark": "redis-tools",
	"redis-cli":       "redis-tools",
	"redis-server":    "redis-server",
	"rsync":           "rsync",
	"socat":           "socat",
	"ssh":             "openssh-client",
	"ssh-keygen":      "openssh-client",
	"sshd":            "openssh-server",
}

// need skips the test if programs are missing. Where CI=true nothing may be missing: tests that nobody runs prove nothing.
func need(t *testing.T, programs ...string) {
	t.Helper()
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

// own makes a command a process group of its own, which dies with the tests: no server outlives them, however they end.
func own(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a client to its end and fails the test if the client fails or stalls. stdin and stdout may be nil.
// What the client says on standard error is returned.
func run(t *testing.T, stdin io.Reader, stdout io.Writer, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := own(exec.CommandContext(ctx, name, args...))
	// Clients such as rsync have children, who would keep standard output open.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(errors.New("stalled"), err)
		}
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.String())
	}
	return stderr.String()
}

// output is run for a client that says little on standard output.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stdout bytes.Buffer
	run(t, nil, &stdout, name, args...)
	return stdout.String()
}

// process is a server, or a proxy, that runs until the end of the test.
type process struct {
	cmd     *exec.Cmd
	addr    string // that it listens on
	api     string // where a proxy has its admin API
	logFile string // its standard output and standard error
	ended   chan struct{}
}

// listen starts a process that command makes for a port of host, and returns when it accepts connections.
func listen(t *testing.T, command func(port string) *exec.Cmd) *process {
	t.Helper()
	for range 5 { // a program that listens on all addresses may take the port first
		port := freeport.For(t)
		p := start(t, command(port), net.JoinHostPort(host, port))
		if p.accepts(t) {
			return p
		}
		if !strings.Contains(strings.ToLower(p.log(t)), "in use") {
			t.Fatalf("%s ended:\n%s", p.cmd, p.log(t))
		}
	}
	t.Fatal("no port could be had")
	return nil
}

func start(t *testing.T, cmd *exec.Cmd, addr string) *process {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), filepath.Base(cmd.Path)+"-*.log")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	p := &process{cmd: own(cmd), addr: addr, logFile: log.Name(), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			log := p.log(t)
			t.Logf("the last that %s said:\n%s", filepath.Base(cmd.Path), log[max(0, len(log)-4000):])
		}
	})
	return p
}

// accepts waits until the process accepts connections. It is false if the process ends instead.
func (p *process) accepts(t *testing.T) bool {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		c, err := net.Dial("tcp", p.addr)
		if err == nil {
			_ = c.Close()
			return true
		}
		select {
		case <-p.ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not accept connections", p.cmd)
	return false
}

// log is what the process has said so far.
func (p *process) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.logFile)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func (p *process) port() string {
	_, port, _ := net.SplitHostPort(p.addr)
	return port
}

// writeFile writes a file of the test's own and returns its path.
func writeFile(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
