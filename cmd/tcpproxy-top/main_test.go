package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tcpproxy/test/freeport"
)

// programs is the folder with tcpproxy and tcpproxy-top, beside each other as they are installed.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programs, err = os.MkdirTemp("", "tcpproxy-top"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(programs)
		args := []string{"build", "-o", programs + string(filepath.Separator)}
		if underRace() {
			args = append(args, "-race")
		}
		if text, err := exec.Command("go", append(args, "tcpproxy/cmd/tcpproxy", "tcpproxy/cmd/tcpproxy-top")...).CombinedOutput(); err != nil {
			panic(string(text))
		}
		code := m.Run()
		if err := goleak.Find(); code == 0 && err != nil {
			panic(err)
		}
		return code
	}())
}

// underRace reports whether the race detector watches this test.
func underRace() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// tcpproxy is that program, yet to be started.
func tcpproxy(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), filepath.Join(programs, "tcpproxy"), args...)
}

// outcome runs the program to its end.
func outcome(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	command := tcpproxy(t, args...)
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), errs.String()
}

// demo is a proxy with something behind it.
type demo struct {
	*exec.Cmd
	addr string
}

func startDemo(t *testing.T, flags ...string) *demo {
	t.Helper()
	port := freeport.For(t)
	d := &demo{tcpproxy(t, append(flags, "--demo", port)...), "127.0.0.1:" + port}
	stdout, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	impatience := time.AfterFunc(20*time.Second, func() { _ = d.Process.Kill() })
	defer impatience.Stop()
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.Contains(lines.Text(), "/~rtm/ok") {
			return d
		}
	}
	t.Fatalf("the proxy ended before it was ready: %v", d.Wait())
	return nil
}

// stop ends it at once.
func (d *demo) stop(t *testing.T) {
	t.Helper()
	if err := d.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(); err != nil {
		t.Error(err)
	}
}

// get fetches url over a connection of its own, which lasts until the end of the test.
func get(t *testing.T, url string) io.Reader {
	t.Helper()
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response.Body
}

// book is all that was written to a terminal, for tests to wait for.
type book struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // holds a value when text has grown since await looked
}

func newBook() *book { return &book{more: make(chan struct{}, 1)} }

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
	return b.text.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await returns once the book has part.
func (b *book) await(t *testing.T, part string) {
	t.Helper()
	patience := time.After(20 * time.Second)
	for !strings.Contains(b.String(), part) {
		select {
		case <-b.more:
		case <-patience:
			t.Fatalf("the terminal still lacks %q: %q", part, b)
		}
	}
}
