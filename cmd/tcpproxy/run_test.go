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
		sandbox()
		main()
	}
	goleak.VerifyTestMain(m)
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
