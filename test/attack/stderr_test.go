//go:build linux

package attack

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"tcpproxy/test/freeport"
)

// The log is for whoever reads it, and must not be a condition for anything: standard error may be a pipe whose reader has stopped, a
// full disk, or closed. At debug every session writes lines.
func TestDeafStandardError(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T) preparation
	}{
		{"a pipe that nobody reads", func(t *testing.T) preparation {
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _, _ = read.Close(), write.Close() })
			return func(c *exec.Cmd) { c.Stderr = write }
		}},
		{"a full disk", func(t *testing.T) preparation {
			fullDisk, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				skip(t, err.Error())
			}
			t.Cleanup(func() { _ = fullDisk.Close() })
			return func(c *exec.Cmd) { c.Stderr = fullDisk }
		}},
		{"closed", func(*testing.T) preparation { return wrapped("sh", "-c", `exec "$@" 2>&-`, "sh") }},
		{"all three closed", func(*testing.T) preparation { return wrapped("sh", "-c", `exec "$@" <&- >&- 2>&-`, "sh") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, destination, _ := net.SplitHostPort(echoing(t))
			port := freeport.For(t)
			p := spawn(t, test.prepare(t), "--listen-host", "127.0.0.1", "--log-level", "debug", "127.0.0.1", destination, port)
			p.addr = net.JoinHostPort("127.0.0.1", port)
			// It cannot say that it listens.
			eventually(t, patience, "the proxy listens", func() bool {
				c, err := net.Dial("tcp", p.addr)
				if err == nil {
					_ = c.Close()
				}
				return err == nil || p.hasEnded()
			})
			stays := p.dial(t)
			if err := ping(stays); err != nil {
				t.Fatal(err)
			}
			before := p.holds()
			memory := p.memory()
			// Far more lines than a pipe holds, each of some 200 bytes, two for each session.
			for range amount(1000, 20000) {
				c := p.dial(t)
				if err := ping(c); err != nil {
					t.Fatal(err)
				}
				_ = c.Close()
			}
			if err := ping(stays); err != nil {
				t.Error(err)
			}
			p.givesBack(t, before)
			if grown := p.memory() - memory; grown > 64<<20 {
				t.Errorf("the proxy has grown by %d bytes: it keeps what it cannot write", grown)
			}
			p.signal(syscall.SIGTERM)
			_ = stays.Close()
			if code := p.exitCode(soon()); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}
