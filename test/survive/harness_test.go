//go:build linux

package survive

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcpproxy/test/freeport"
	"tcpproxy/test/program"
)

// proxy is the program, with the demo as its destination.
type proxy struct {
	t           *testing.T
	cmd         *exec.Cmd // the keeper
	addr, admin string
	log         string        // a file, which outlives the keeper as its children do
	ended       chan struct{} // closed when the keeper is gone
}

// process is what the API tells.
type process struct {
	Survive                bool
	Generation             uint64
	Reason                 string
	Keeper, Worker, Holder int
}

// start runs the program at a path, and waits until it serves.
func start(t *testing.T, path string, flags ...string) *proxy {
	t.Helper()
	p := launch(t, path, flags...)
	p.await("the first worker", func(now process) bool { return now.Generation == 1 && now.Holder != 0 })
	return p
}

// launch runs the program at a path, whatever becomes of it. At the end of the test nothing may be left of it.
func launch(t *testing.T, path string, flags ...string) *proxy {
	t.Helper()
	port, admin := freeport.For(t), freeport.For(t)
	p := &proxy{
		t: t, addr: "127.0.0.1:" + port, admin: "127.0.0.1:" + admin, log: filepath.Join(t.TempDir(), "log"), ended: make(chan struct{}),
	}
	stderr, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	p.cmd = exec.Command(path, append([]string{"--survive", "--admin", p.admin, "--demo", port}, flags...)...)
	p.cmd.Stderr = stderr
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		// Until none is left: one that is about to go on may have been missed.
		for all := p.processes(); len(all) > 0; all = p.processes() {
			for _, pid := range all {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			time.Sleep(time.Millisecond)
		}
		<-p.ended
		text := p.said()
		for _, sign := range []string{"DATA RACE", "fatal error:", "actor failed"} {
			if strings.Contains(text, sign) {
				t.Errorf("the log tells of a defect (%q)", sign)
			}
		}
		if t.Failed() {
			t.Logf("the log:\n%s", text[max(0, len(text)-6000):])
		}
	})
	return p
}

// processes are the PIDs of all that belong to this program, the keeper among them, but for zombies. They have its ports on their
// command lines.
func (p *proxy) processes() (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err == nil && strings.Contains(string(line), "\x00--survive\x00--admin\x00"+p.admin+"\x00") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// besideKeeper are the processes but for the keeper.
func (p *proxy) besideKeeper() (pids []int) {
	for _, pid := range p.processes() {
		if pid != p.keeper() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (p *proxy) keeper() int { return p.cmd.Process.Pid }

func (p *proxy) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Error(err)
	}
	return string(text)
}

func (p *proxy) kill(pid int, s syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		p.t.Fatalf("kill %d: %v", pid, err)
	}
}

var client = http.Client{Timeout: program.Patience, Transport: &http.Transport{DisableKeepAlives: true}}

// now asks for the processes; the error is that nobody answers.
func (p *proxy) now() (now process, err error) {
	answer, err := client.Get("http://" + p.admin + "/api/process")
	if err != nil {
		return now, err
	}
	defer answer.Body.Close()
	return now, json.NewDecoder(answer.Body).Decode(&now)
}

// await waits until the processes are as they should be.
func (p *proxy) await(what string, good func(process) bool) (now process) {
	p.t.Helper()
	eventually(p.t, what, func() bool {
		var err error
		now, err = p.now()
		return err == nil && good(now)
	})
	return now
}

// next waits for the worker after that of a generation, with a holder of its own.
func (p *proxy) next(after process) process {
	p.t.Helper()
	return p.await("the next worker", func(now process) bool { return now.Generation > after.Generation && now.Holder != 0 })
}

// fetch gets a page through the proxy.
func (p *proxy) fetch() {
	p.t.Helper()
	answer, err := client.Get("http://" + p.addr + "/~rtm/ok")
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || len(body) == 0 {
		p.t.Fatalf("%q, %v", body, err)
	}
}

// stall begins a download and does not read on.
func (p *proxy) stall() net.Conn {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	_, _ = io.WriteString(conn, "GET /~rtm/BIG HTTP/1.0\r\n\r\n")
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		p.t.Fatal(err)
	}
	return conn
}

// end waits for the keeper's end and returns its exit code. Nothing may be left then.
func (p *proxy) end() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(program.Patience):
		p.t.Fatal("the program still runs")
	}
	if left := p.processes(); len(left) != 0 {
		p.t.Errorf("left behind: %v", left)
	}
	return p.cmd.ProcessState.ExitCode()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	program.Eventually(t, program.Patience, what, holds)
}

func (p *proxy) awaitLog(part string) {
	p.t.Helper()
	eventually(p.t, "the log has "+part, func() bool { return strings.Contains(p.said(), part) })
}
