//go:build linux

package survive

import (
	"fmt"
	"os"
	"regexp"
	"syscall"
	"testing"

	"tcpproxy/test/program"
)

// TestRowOfTheProcess measures the README's row on the process, in the table of what becomes of a busy connection when something is
// killed: the worker is killed in the midst of a stream, and the whole stream must be as it was sent.
func TestRowOfTheProcess(t *testing.T) {
	d := startDestination(t)
	p := program.Start(t, plain, nil, d.addr(), "--survive")
	before, worker := d.accepted.Load(), p.Worker()
	done := make(chan error, 1)
	go func() { done <- d.exchange(p.Addr, order{Seed: 1, Turns: 3000, Size: 100, Up: 1 << 20, Down: 1 << 20}) }()
	program.Eventually(t, program.Patience, "the connection is there", func() bool { return d.accepted.Load() > before })
	if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	connection, lost := "lives", 0
	if err := <-done; err != nil {
		t.Error(err)
		connection = "ends"
	}
	if n := p.Log.Count("worker restarted"); n != 1 {
		t.Errorf("the worker was restarted %d times", n)
	}
	if now := p.Worker(); now == worker || now == 0 {
		t.Errorf("the worker is %d as before", now)
	}
	// How many of how many, and the pause, are the laboratory's.
	row := fmt.Sprintf("\n\\| the process, with `--survive` \\| its holder goes on in its place \\| "+
		"everybody, over the same sockets \\| %s .*\\| %d \\|", connection, lost)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(row).Match(readme) {
		t.Errorf("the README has no row %q", row)
	}
}
