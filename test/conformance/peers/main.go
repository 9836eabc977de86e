// Command peers runs test-proxy on several forwarders and writes a table of what they do: cases down, forwarders across.
//
//	go run ./test/conformance/peers [--only NAME,…] [--seed N] [--output test/conformance/PEERS.md]
//
// It is run from the top of the repository. A forwarder that is not installed is left out, and the table says so.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// peer is a forwarder to compare with.
type peer struct {
	name    string
	version []string // a command that prints the version; its first line that says a number is taken
	command string   // for test-proxy; {bin} is where this program builds what it needs
	flags   []string // for test-proxy
}

func peers() []peer {
	const scripts = "test/conformance/peers/"
	return []peer{
		{"tcpproxy", []string{"git", "describe", "--always", "--dirty"}, "{bin}/tcpproxy", nil},
		{"tcpproxy --survive", []string{"git", "describe", "--always", "--dirty"}, "{bin}/tcpproxy --survive", []string{"--phase", "7"}},
		{"HAProxy", []string{"haproxy", "-v"}, scripts + "haproxy.sh {host} {port} {listen} {dir}", []string{"--drain-signal", "USR1"}},
		{"nginx", []string{"nginx", "-v"}, scripts + "nginx.sh {host} {port} {listen} {dir}", []string{"--drain-signal", "QUIT"}},
		{"socat", []string{"socat", "-V"},
			"socat -t 10 -T 10 TCP6-LISTEN:{listen},ipv6-v6only=0,fork,reuseaddr,backlog=1024 TCP:{host}:{port}",
			[]string{"--drain-signal", "none"}},
		{"simpleproxy", []string{"simpleproxy", "-V"}, "simpleproxy -L {listen} -R {host}:{port}",
			[]string{"--timeout-rule", "none", "--drain-signal", "none"}},
		{"io.Copy", []string{"go", "version"}, "{bin}/iocopy", []string{"--timeout-rule", "none", "--drain-signal", "none"}},
	}
}

// outcome is what test-proxy says of one peer.
type outcome struct {
	peer
	versionLine string
	missing     string // why there are no results
	Passed      int
	Failed      int
	Skipped     int
	Seed        uint64
	Cases       []result
}

type result struct {
	Phase    int
	Name     string
	Title    string
	Why      string
	Verdict  string
	Expected string
	Came     string
	Measured []string
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "peers: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	only := flags.String("only", "", "run only these, separated by commas")
	output := flags.String("output", "test/conformance/PEERS.md", "the file to write")
	seed := flags.Uint64("seed", 1, "the seed for test-proxy")
	if err := flags.Parse(args); err != nil {
		return err
	}
	bin, err := os.MkdirTemp("", "peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	for _, program := range []string{"./cmd/tcpproxy", "./cmd/test-proxy", "./test/bench/iocopy"} {
		if text, err := exec.Command("go", "build", "-o", bin+"/", program).CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", program, err, text)
		}
	}
	var outcomes []outcome
	for _, p := range peers() {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), p.name) {
			continue
		}
		o, err := test(p, bin, *seed)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		outcomes = append(outcomes, o)
	}
	var page bytes.Buffer
	write(&page, outcomes, strings.Join(append([]string{"go run ./test/conformance/peers"}, args...), " "))
	return os.WriteFile(*output, page.Bytes(), 0o644)
}

// test runs test-proxy on one peer.
func test(p peer, bin string, seed uint64) (outcome, error) {
	o := outcome{peer: p}
	command := strings.ReplaceAll(p.command, "{bin}", bin)
	if _, err := exec.LookPath(p.version[0]); err != nil {
		o.missing = "not installed"
		return o, nil
	}
	if program := strings.Fields(command)[0]; strings.Contains(program, "/") {
		if _, err := os.Stat(program); err != nil {
			o.missing = "not built"
			return o, nil
		}
	}
	o.versionLine = version(p.version)
	report := filepath.Join(bin, "report.json")
	args := append(slices.Clone(p.flags), "--seed", fmt.Sprint(seed), "--json", report, command)
	tester := exec.Command(filepath.Join(bin, "test-proxy"), args...)
	tester.Stdout, tester.Stderr = os.Stdout, os.Stderr
	var failed *exec.ExitError
	err := tester.Run()
	someFailed := errors.As(err, &failed) && failed.ExitCode() == 1
	if err != nil && !someFailed {
		return o, err
	}
	text, err := os.ReadFile(report)
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal(text, &o)
}

func version(command []string) string {
	text, _ := exec.Command(command[0], command[1:]...).CombinedOutput()
	for line := range strings.Lines(string(text)) {
		if strings.ContainsAny(line, "0123456789") {
			line, _, _ = strings.Cut(line, " - ")
			line, _, _ = strings.Cut(line, " by ")
			line, _, _ = strings.Cut(line, " on ")
			return strings.TrimSpace(line)
		}
	}
	return "version unknown"
}
