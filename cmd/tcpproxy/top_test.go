package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"tcpproxy/messages"
	"tcpproxy/test/freeport"
)

// The command is told from a destination that is called top by the shape of the command line.
func TestTopOrHost(t *testing.T) {
	for line, want := range map[string]bool{
		"top":                                true,
		"top --admin 127.0.0.1:1":            true,
		"top --admin=127.0.0.1:1":            true,
		"top --admin-token-file f --admin a": true,
		"top --help":                         true,
		"top --admin":                        true,
		"top 80 3000":                        false,
		"top 80":                             false,
		"top --admin 127.0.0.1:1 80 3000":    false,
		"top --idle-timeout 5s 80 3000":      false,
		"top --survive":                      false,
		"--admin 127.0.0.1:1 top 80 3000":    false,
		"--demo top":                         false,
		"":                                   false,
	} {
		if got := isTop(strings.Fields(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
	if p, err := parse([]string{"top", "80", "3000"}, io.Discard); err != nil || p.proxy.Host != "top" {
		t.Errorf("a host called top: %q, %v", p.proxy.Host, err)
	}
}

func TestTopCommandLine(t *testing.T) {
	code, stdout, stderr := outcome(t, "top", "--help")
	if code != exitOK || stderr != "" || !strings.HasPrefix(stdout, topUsage) || !strings.Contains(stdout, "called top") {
		t.Errorf("help: exit code %d, %q, %q", code, stdout, stderr)
	}
	for _, args := range [][]string{{"top", "--admin"}, {"top", "--admin", "nowhere"}} {
		if code, _, stderr := outcome(t, args...); code != exitUsage || !strings.HasPrefix(stderr, "tcpproxy: --admin") {
			t.Errorf("%q: exit code %d, %q", args, code, stderr)
		}
	}
	nobody := "127.0.0.1:" + freeport.For(t)
	code, stdout, stderr = outcome(t, "top", "--admin", nobody)
	if code != exitError || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "nobody listens on "+nobody) {
		t.Errorf("without a proxy: exit code %d, %q, %q", code, stdout, stderr)
	}
}

// terminal is a program in one.
type terminal struct {
	*exec.Cmd
	keys  *os.File
	shown *logbook // all that was ever written to it
	ended chan struct{}
}

func startTop(t *testing.T, admin string, env ...string) *terminal {
	t.Helper()
	x := &terminal{Cmd: program(t, "top", "--admin", admin), shown: newLogbook(), ended: make(chan struct{})}
	x.Env = append(append(x.Env, "TERM=xterm-256color", "NO_COLOR=", "LANG=C.UTF-8"), env...)
	var err error
	if x.keys, err = pty.StartWithSize(x.Cmd, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(x.ended)
		_, _ = io.Copy(x.shown, x.keys) // until the program has ended
	}()
	t.Cleanup(func() {
		_ = x.Process.Kill()
		_ = x.keys.Close()
		<-x.ended
	})
	return x
}

func (x *terminal) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(x.keys, keys); err != nil {
		t.Fatal(err)
	}
}

// quit presses q, and the program has to end well, and to leave the terminal as it was.
func (x *terminal) quit(t *testing.T) {
	t.Helper()
	x.press(t, "q")
	ended := make(chan error, 1)
	go func() { ended <- x.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after q: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("q does not quit")
	}
	x.shown.await(t, "\x1b[?1049l") // back to the first screen
}

// restarts is how often an actor was, according to the API.
func restarts(t *testing.T, admin, pid string) uint32 {
	t.Helper()
	var tree messages.Node
	if err := json.NewDecoder(get(t, "http://"+admin+"/api/tree").Body).Decode(&tree); err != nil {
		t.Fatal(err)
	}
	var find func(n messages.Node) uint32
	find = func(n messages.Node) (found uint32) {
		if n.PID == pid {
			return n.Restarts
		}
		for _, child := range n.Children {
			found += find(child)
		}
		return found
	}
	return find(tree)
}

// An actor is killed by keyboard and its restart seen, while a download goes on; the proxy goes away, which is said, and comes back.
func TestTopKills(t *testing.T) {
	admin, log := "127.0.0.1:"+freeport.For(t), newLogbook()
	r := startDemo(t, log, "--admin", admin, "--faults", "--no-timeouts")
	download := get(t, "http://"+r.addr+"/~rtm/BIG")
	x := startTop(t, admin)
	x.shown.await(t, "client-reader")
	x.shown.await(t, "one-for-one")
	x.press(t, "\x1b[B\x1b[B\x1b[Bk") // listener, acceptor, session-1, client-reader
	x.shown.await(t, "restarted after")
	x.shown.await(t, "(1 in all)") // in the list of events
	if n := restarts(t, admin, "listener/session-1/client-reader"); n != 1 {
		t.Errorf("the client-reader was restarted %d times, want 1", n)
	}
	if _, err := io.CopyN(io.Discard, download.Body, 8<<20); err != nil {
		t.Errorf("the download has ended: %v", err)
	}
	x.press(t, "s\x1b[B\r")
	x.shown.await(t, "from the next failure on")
	if err := r.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil {
		t.Error(err)
	}
	x.shown.await(t, "LOST")
	again := startDemo(t, log, "--admin", admin)
	x.shown.await(t, "is back")
	x.press(t, "k")
	x.shown.await(t, "faults are off")
	x.quit(t)
	if err := again.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if err := again.Wait(); err != nil {
		t.Error(err)
	}
}

// With NO_COLOR there are no colours, and a signal ends it as well as a key.
func TestTopWithoutColour(t *testing.T) {
	for env, coloured := range map[string]bool{"NO_COLOR=": true, "NO_COLOR=1": false} {
		x := startTop(t, "127.0.0.1:"+freeport.For(t), env)
		x.shown.await(t, "LOST")
		if got := strings.Contains(x.shown.String(), "\x1b[31"); got != coloured {
			t.Errorf("%s: coloured %v: %q", env, got, x.shown)
		}
		if err := x.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := x.Wait(); err != nil {
			t.Error(err)
		}
		x.shown.await(t, "\x1b[?1049l")
	}
}

// A snapshot of a real proxy, in a script.
func TestTopSnapshot(t *testing.T) {
	admin := "127.0.0.1:" + freeport.For(t)
	r := startDemo(t, io.Discard, "--admin", admin)
	get(t, "http://"+r.addr+"/~rtm/BIG")
	code, stdout, stderr := outcome(t, "top", "--admin", admin)
	if code != exitOK || stderr != "" || !strings.Contains(stdout, "1 sessions  one-for-one") || !strings.Contains(stdout, "client-writer") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	if err := r.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil {
		t.Error(err)
	}
}
