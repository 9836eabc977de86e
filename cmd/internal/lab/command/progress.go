package command

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"

	"tcpproxy/cmd/internal/lab/engine"
)

// progress shows how far it has come: a bar on a terminal, and elsewhere a line for each tenth and each experiment.
type progress struct {
	to         io.Writer
	terminal   bool
	experiment string
	tenth      int
	drawn      bool
}

func newProgress(to io.Writer) *progress {
	f, ok := to.(*os.File)
	return &progress{to: to, terminal: ok && term.IsTerminal(f.Fd())}
}

// step is called after each run.
func (p *progress) step(now engine.Progress) {
	what := fmt.Sprintf("%s: %s, %s, %s", now.Experiment, now.Cell.Strategy, now.Cell.Victim, now.Cell.Traffic)
	if p.terminal {
		const wide = 30
		full := wide * now.Done / max(now.All, 1)
		p.drawn = true
		_, _ = fmt.Fprintf(p.to, "\r\x1b[K[%s%s] %d/%d %.70s", strings.Repeat("#", full), strings.Repeat(".", wide-full), now.Done, now.All, what)
		return
	}
	tenth := 10 * now.Done / max(now.All, 1)
	if now.Experiment != p.experiment || tenth != p.tenth {
		p.experiment, p.tenth = now.Experiment, tenth
		_, _ = fmt.Fprintf(p.to, "%d of %d runs, %s\n", now.Done, now.All, what)
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.drawn {
		_, _ = fmt.Fprint(p.to, "\r\x1b[K")
	}
}
