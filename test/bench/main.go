//go:build linux

// Command bench sets this proxy against HAProxy, nginx and a plain io.Copy
// forwarder, side by side on loopback, and judges the outcome by the targets
// in targets.go. README.md says what each row proves.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	Work   string   `placeholder:"REGEXP" help:"${help_work}"`
	Rounds int      `default:"5" help:"How many alternating rounds (${default})."`
	Peers  []string `placeholder:"NAME,…" help:"Compare only these of: ${peers}."`
	Out    string   `placeholder:"DIR" help:"Where to write RESULTS.md and the chart (test/bench)."`
	Ours   string   `name:"tcpproxy" placeholder:"FILE" help:"Measure this binary instead of building ./cmd/tcpproxy."`
	Cc     string   `name:"congestion" placeholder:"NAME" help:"${help_congestion}"`
	Quick  bool     `help:"${help_quick}"`
	List   bool     `help:"List the kinds of work and exit."`
}

func main() {
	var chosen options
	parser := kong.Must(&chosen, kong.Name("bench"),
		kong.Description("Compare TCP proxies on loopback. Run it in the root of the repository."),
		kong.Vars{"peers": strings.Join(peerNames, ", ")}, helpTexts)
	parsed, err := parser.Parse(os.Args[1:])
	var works []work
	if err == nil {
		works, err = chosen.complete()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		if parsed == nil {
			parsed, _ = kong.Trace(parser, nil) // an empty command line has no errors
		}
		parser.Stdout = os.Stderr
		_ = parsed.PrintUsage(true)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err = run(ctx, chosen, works)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// complete checks the options, fills in what --quick implies and returns the
// kinds of work they choose.
func (o *options) complete() ([]work, error) {
	pattern := ""
	if o.Work != "" {
		pattern = "^(" + o.Work + ")"
	}
	if o.Quick {
		if o.Work != "" || o.Out != "" || len(o.Peers) > 0 {
			return nil, errors.New("--quick chooses work and peers itself and writes nothing")
		}
		pattern = "^(rtt-1|rtt-64|bulk-(up|down)-1)$"
		o.Rounds, o.Peers = 3, []string{ours, haproxy, ioCopy}
	}
	if o.Rounds < 1 || o.Rounds > 1000 {
		return nil, errors.New("--rounds must be between 1 and 1000")
	}
	for _, name := range o.Peers {
		if !slices.Contains(peerNames, name) {
			return nil, fmt.Errorf("--peers: no such proxy: %q", name)
		}
	}
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("--work: %w", err)
	}
	works := slices.DeleteFunc(allWorks(), func(w work) bool { return !wanted.MatchString(w.name) })
	if len(works) == 0 {
		return nil, fmt.Errorf("--work: nothing matches %q (see --list)", o.Work)
	}
	return works, nil
}

func run(ctx context.Context, chosen options, works []work) error {
	if chosen.List {
		for _, w := range works {
			fmt.Println(w.name)
		}
		return nil
	}
	if module, err := os.ReadFile("go.mod"); err != nil || !bytes.HasPrefix(module, []byte("module tcpproxy\n")) {
		return errors.New("this is not the root of the repository")
	}
	if chosen.Cc != "" {
		if inside, err := apart(ctx, chosen.Cc); !inside {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	b := &bench{dir: dir, log: os.Stderr, begun: time.Now(), rounds: chosen.Rounds, quick: chosen.Quick, given: chosen.Ours, works: works}
	if b.loadBefore, err = loadAverage(); err != nil {
		return err
	}
	if b.loadBefore >= 0.5 {
		b.note("the machine was busy before the start (load average %.2f): latencies above all are not to be relied on", b.loadBefore)
	}
	if err := b.install(ctx); err != nil {
		return err
	}
	wanted := chosen.Peers
	if len(wanted) == 0 {
		wanted = peerNames
	}
	if err := b.gather(ctx, wanted); err != nil {
		return err
	}
	if err := b.runAll(ctx); err != nil {
		return err
	}
	if chosen.Quick {
		b.writeTables(os.Stdout, nil)
		return nil
	}
	if err := b.traceAll(ctx); err != nil {
		return err
	}
	var verdicts []verdict
	if slices.Contains(wanted, ours) {
		verdicts = judge(b.samples, b.rowNames(), wanted)
	}
	b.writeTables(os.Stdout, verdicts)
	if err := b.publish(chosen, verdicts); err != nil {
		return err
	}
	if n := missed(verdicts); n > 0 {
		return fmt.Errorf("%d of %d must-reach figures missed", n, len(verdicts))
	}
	return nil
}

// publish writes RESULTS.md and the chart: of a complete run always, of a
// partial one only where it was told to, so that it does not replace a
// complete one by accident.
func (b *bench) publish(chosen options, verdicts []verdict) error {
	out := chosen.Out
	if out == "" {
		if chosen.Work != "" || len(chosen.Peers) > 0 || chosen.Cc != "" {
			return nil
		}
		out = filepath.Join("test", "bench")
	}
	var text bytes.Buffer
	b.writeHeader(&text, strings.Join(append([]string{"bench"}, os.Args[1:]...), " "))
	b.writeTables(&text, verdicts)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "RESULTS.md"), text.Bytes(), 0o644); err != nil {
		return err
	}
	return b.drawChart(filepath.Join(out, chartFile))
}

func (b *bench) rowNames() []string {
	var names []string
	for _, w := range b.works {
		for _, row := range w.rows {
			names = append(names, row.name)
		}
	}
	return names
}

func (b *bench) loadProgram() string { return filepath.Join(b.dir, "load") }
