//go:build linux

// Command load is both ends of the benchmark's traffic, each in a process of
// its own so that neither is counted as the proxy's:
//
//	load serve            the destination; prints its port
//	load drive PORT       the clients; takes commands on standard input (see loadctl)
//
// Both speak to the kernel through epoll and bare system calls: on a small
// machine every microsecond spent here is one the proxy has to wait for.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
)

func main() {
	err := run(os.Args[1:])
	if errors.Is(err, errUsage) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: load serve | load drive PORT")

func run(args []string) error {
	// A collection in the middle of a measurement would show up in the tail
	// latencies of whichever proxy is on trial. Little is allocated; the limit
	// is there for the day somebody asks for more.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(1 << 30)
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serve()
	case len(args) == 2 && args[0] == "drive":
		port, err := strconv.ParseUint(args[1], 10, 16)
		if err != nil {
			return errUsage
		}
		return drive(int(port))
	}
	return errUsage
}
