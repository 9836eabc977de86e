package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// ending is a proxy that ends when it is told to, and notes what it was told.
type ending struct {
	told chan string
	done chan struct{}
}

func newEnding() *ending { return &ending{told: make(chan string), done: make(chan struct{})} }

func (e *ending) Drain()                { e.told <- "drain" }
func (e *ending) Stop()                 { e.told <- "stop" }
func (e *ending) Done() <-chan struct{} { return e.done }

// The first signal drains, the second stops; the program then ends well, and not before the proxy has ended.
func TestSignals(t *testing.T) {
	proxy := newEnding()
	signals := make(chan os.Signal)
	result := make(chan error)
	go func() { result <- attend(proxy, signals) }()
	for _, want := range []string{"drain", "stop", "stop"} {
		signals <- syscall.SIGTERM
		select {
		case got := <-proxy.told:
			if got != want {
				t.Fatalf("the proxy was told to %s, want %s", got, want)
			}
		case err := <-result:
			t.Fatalf("attend returned %v before the proxy had ended", err)
		}
	}
	close(proxy.done)
	if err := <-result; err != nil {
		t.Errorf("after a signal: %v", err)
	}
}

func TestEndWithoutSignalIsAnError(t *testing.T) {
	proxy := newEnding()
	close(proxy.done)
	if err := attend(proxy, nil); err == nil {
		t.Error("the proxy ended by itself, and that passed for a success")
	}
}

func TestExplain(t *testing.T) {
	for cause, remedy := range map[error]string{
		syscall.EADDRINUSE:    "another listen-port",
		syscall.EACCES:        "from 1024",
		syscall.EADDRNOTAVAIL: "--listen-host",
	} {
		err := explain(fmt.Errorf("listen on 127.0.0.1:80: %w", cause))
		if !strings.HasPrefix(err.Error(), "listen on 127.0.0.1:80: "+cause.Error()) || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%v: got %q", cause, err)
		}
		var stderr bytes.Buffer
		if code := report(err, &stderr); code != exitError || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%v: exit code %d with %q, want %d with one line", cause, code, stderr.String(), exitError)
		}
	}
	if err := errors.New("anything else"); explain(err) != err {
		t.Errorf("explain changed an error that it does not know: %v", explain(err))
	}
}

func TestAnnounce(t *testing.T) {
	var out bytes.Buffer
	announce(&out, netip.MustParseAddrPort("127.0.0.1:3001"))
	for _, command := range []string{"curl -s http://127.0.0.1:3001/~rtm/BIG | sleep", "curl http://127.0.0.1:3001/~rtm/ok"} {
		if !strings.Contains(out.String(), command) {
			t.Errorf("the announcement lacks %q:\n%s", command, out.String())
		}
	}
}
