//go:build linux

package survive

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tcpproxy/test/program"
)

// The traffic that passes every seam: bulk through pipes and small writes through buffers, in both directions, with half-closed ends.
var everything = []order{
	{Seed: 400, Up: 3 << 20, Down: 10, Size: 20_000}, // the server hears last that all is over
	{Seed: 100, Up: 6 << 20, Down: 5 << 20, Size: 256 << 10},
	{Seed: 200, Up: 40_000, Down: 30_000, Size: 700, Turns: 20},
	{Seed: 300, Up: 0, Down: 3 << 20, Size: 64 << 10},
	resetting,
	{Seed: 600, Up: 8 << 20, Down: 8 << 20, Size: 64 << 10, Reset: resetsServer},
}

var resetting = order{Seed: 500, Up: 8 << 20, Down: 8 << 20, Size: 64 << 10, Reset: resetsClient}

// passEverything sends it, and then drains the proxy while a last connection is busy.
func passEverything(t *testing.T, d *destination, p *program.Program) {
	for _, o := range everything {
		if err := d.exchange(p.Addr, o); err != nil {
			t.Errorf("seed %d: %v", o.Seed, err)
		}
	}
	before := d.accepted.Load()
	last := make(chan error, 1)
	go func() { last <- d.exchange(p.Addr, order{Seed: 700, Turns: 500, Size: 100, Up: 1 << 20}) }()
	program.Eventually(t, program.Patience, "the last connection is there", func() bool { return d.accepted.Load() > before })
	p.Signal(syscall.SIGTERM)
	if err := <-last; err != nil {
		t.Errorf("while it drained: %v", err)
	}
	if code := p.ExitCode(program.Patience); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
	if left := p.Family(); len(left) > 0 {
		t.Errorf("processes are left behind: %v", left)
	}
}

// TestKilledAtEverySeam has the worker kill itself at each place in its code at which a kill could matter, in passing it for the first
// time, and for some later times. Nobody may notice.
func TestKilledAtEverySeam(t *testing.T) {
	seams := listSeams(t)
	if len(seams) < 20 {
		t.Fatalf("the traffic passes only %d seams: %q", len(seams), seams)
	}
	times := []int{1, 2, 5}
	switch {
	case full():
		times = []int{1, 2, 3, 4, 7, 20, 50}
	case program.UnderRace(): // a worker takes ten times as long to start
		times = []int{1}
	}
	for _, seam := range seams {
		for _, time := range times {
			t.Run(fmt.Sprintf("%s=%d", strings.ReplaceAll(seam, " ", "_"), time), func(t *testing.T) {
				t.Parallel()
				token := filepath.Join(t.TempDir(), "token")
				if err := os.WriteFile(token, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				d := startDestination(t)
				p := program.Start(t, withSeams, []string{fmt.Sprintf("TCPPROXY_SEAM=%s=%d", seam, time), "TCPPROXY_SEAM_TOKEN=" + token},
					d.addr(), "--survive")
				for range 30 { // whether a reset meets a writer that has something to write is a matter of chance
					if _, err := os.Stat(token); err != nil || !strings.HasPrefix(seam, "cut:") {
						break
					}
					if err := d.exchange(p.Addr, resetting); err != nil {
						t.Errorf("reset: %v", err)
					}
				}
				passEverything(t, d, p)
				if _, err := os.Stat(token); err == nil && time == 1 {
					t.Error("the seam was never passed, so nobody was killed")
				}
				if died := p.Log.Has("worker restarted"); !died && time == 1 {
					t.Error("the log does not tell that the worker was restarted")
				}
			})
		}
	}
}

// listSeams finds out which seams the traffic passes.
func listSeams(t *testing.T) (seams []string) {
	t.Helper()
	d := startDestination(t)
	p := program.Start(t, withSeams, []string{"TCPPROXY_SEAM=list"}, d.addr(), "--survive")
	passEverything(t, d, p)
	for line := range strings.Lines(p.Log.String()) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "seam: "); found && !slices.Contains(seams, name) {
			seams = append(seams, name)
		}
	}
	return seams
}
