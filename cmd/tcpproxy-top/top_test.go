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

func TestCommandLine(t *testing.T) {
	code, stdout, stderr := outcome(t, "top", "--help")
	if code != exitOK || stderr != "" || !strings.HasPrefix(stdout, usage) || !strings.Contains(stdout, "called top") {
		t.Errorf("help: exit code %d, %q, %q", code, stdout, stderr)
	}
	for _, args := range [][]string{{"top", "--admin"}, {"top", "--admin", "nowhere"}} {
		if code, _, stderr := outcome(t, args...); code != exitUsage || !strings.HasPrefix(stderr, "tcpproxy top: --admin") {
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
	shown *book // all that was ever written to it
	ended chan struct{}
}

func startTop(t *testing.T, admin string, env ...string) *terminal {
	t.Helper()
	x := &terminal{Cmd: tcpproxy(t, "top", "--admin", admin), shown: newBook(), ended: make(chan struct{})}
	x.Env = append(append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=", "LANG=C.UTF-8"), env...)
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
	if err := json.NewDecoder(get(t, "http://"+admin+"/api/tree")).Decode(&tree); err != nil {
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
func TestKills(t *testing.T) {
	admin := "127.0.0.1:" + freeport.For(t)
	r := startDemo(t, "--admin", admin, "--faults", "--no-timeouts")
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
	if _, err := io.CopyN(io.Discard, download, 8<<20); err != nil {
		t.Errorf("the download has ended: %v", err)
	}
	x.press(t, "s\x1b[B\r")
	x.shown.await(t, "from the next failure on")
	r.stop(t)
	x.shown.await(t, "LOST")
	again := startDemo(t, "--admin", admin)
	x.shown.await(t, "is back")
	x.press(t, "k")
	x.shown.await(t, "faults are off")
	x.quit(t)
	again.stop(t)
}

// With NO_COLOR there are no colours, and a signal ends it as well as a key.
func TestWithoutColour(t *testing.T) {
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
func TestSnapshot(t *testing.T) {
	admin := "127.0.0.1:" + freeport.For(t)
	r := startDemo(t, "--admin", admin)
	get(t, "http://"+r.addr+"/~rtm/BIG")
	code, stdout, stderr := outcome(t, "top", "--admin", admin)
	if code != exitOK || stderr != "" || !strings.Contains(stdout, "sessions  one-for-one") || !strings.Contains(stdout, "client-writer") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	r.stop(t)
}
