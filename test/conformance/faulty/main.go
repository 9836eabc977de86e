// Command faulty is a TCP forwarder that can be told to be wrong in one way. Without a fault it is right, and test-proxy must pass
// it; with one, test-proxy must fail the cases that are about it.
//
//	faulty [--survive] [--fault NAME] [--timeout 10s] destination-host destination-port listen-port
//
// It is written for being understood and broken, not for speed: two goroutines for each connection, and one that watches them all.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"
)

func main() {
	err := run(os.Args[1:])
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "faulty: %v\n", err)
	if errors.Is(err, errUsage) {
		fmt.Fprintln(os.Stderr, "usage: faulty [--survive] [--fault NAME] [--timeout DURATION] destination-host destination-port listen-port")
		os.Exit(2)
	}
	os.Exit(1)
}

var errUsage = errors.New("wrong arguments")

func run(args []string) error {
	flags := flag.NewFlagSet("faulty", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name := flags.String("fault", "", "what to do wrong")
	list := flags.Bool("list", false, "list the faults")
	survive := flags.Bool("survive", false, "let connections outlive the process that relays, which is called "+workerName)
	timeout := flags.Duration("timeout", 10*time.Second, "how long a side may hang")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %v", errUsage, err)
	}
	if *list {
		for _, f := range faults {
			fmt.Printf("%-18s %s\n", f.name, f.does)
		}
		return nil
	}
	p := newProxy(*timeout)
	p.survive = *survive
	if err := p.switchOn(*name); err != nil {
		return err
	}
	if err := p.parse(flags.Args()); err != nil {
		if p.quietUsage {
			return nil
		}
		return fmt.Errorf("%w: %v", errUsage, err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	switch {
	case !p.survive:
		return p.serve(signals)
	case slices.Contains(os.Environ(), workerMark):
		return p.work()
	}
	return p.keep(signals)
}

// parse takes the three arguments.
func (p *proxy) parse(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("3 are needed, not %d", len(args))
	}
	if args[0] == "" {
		return errors.New("the destination's host is empty")
	}
	ports := make([]string, 2)
	for i, text := range args[1:] {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return fmt.Errorf("%q is no port", text)
		}
		ports[i] = strconv.FormatUint(port, 10)
	}
	p.destination, p.listen = net.JoinHostPort(args[0], ports[0]), ":"+ports[1]
	return nil
}
