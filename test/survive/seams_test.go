//go:build linux

package survive

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tcpproxy/test/program"
)

// The traffic that passes every seam: bulk through pipes and small writes through buffers, in both directions, with half-closed ends.
var everything = []order{
	{Seed: 100, Up: 6 << 20, Down: 5 << 20, Size: 256 << 10},
	{Seed: 200, Up: 40_000, Down: 30_000, Size: 700, Turns: 20},
	{Seed: 300, Up: 0, Down: 3 << 20, Size: 64 << 10},
	{Seed: 400, Up: 3 << 20, Down: 10, Size: 20_000},
}

// TestKilledAtEverySeam has the worker kill itself at each place in its code at which a kill could matter, in passing it for the first time, and
// for some later times. Nobody may notice.
func TestKilledAtEverySeam(t *testing.T) {
	seams := listSeams(t)
	if len(seams) < 20 {
		t.Fatalf("the traffic passes only %d seams: %q", len(seams), seams)
	}
	for _, seam := range seams {
		for _, time := range []int{1, 2, 3, 7} {
			t.Run(fmt.Sprintf("%s=%d", strings.ReplaceAll(seam, " ", "_"), time), func(t *testing.T) {
				t.Parallel()
				token := filepath.Join(t.TempDir(), "token")
				if err := os.WriteFile(token, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				d := startDestination(t)
				p := program.Start(t, withSeams, []string{fmt.Sprintf("TCPPROXY_SEAM=%s=%d", seam, time), "TCPPROXY_SEAM_TOKEN=" + token},
					d.addr(), "--survive")
				for _, o := range everything {
					if err := d.exchange(p.Addr, o); err != nil {
						t.Errorf("seed %d: %v", o.Seed, err)
					}
				}
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
	for _, o := range everything {
		if err := d.exchange(p.Addr, o); err != nil {
			t.Fatal(err)
		}
	}
	p.Signal(15)
	p.ExitCode(program.Patience)
	for line := range strings.Lines(p.Log.String()) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "seam: "); found && !slices.Contains(seams, name) {
			seams = append(seams, name)
		}
	}
	return seams
}
