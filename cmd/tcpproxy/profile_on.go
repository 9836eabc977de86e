//go:build profile

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"runtime/trace"
)

// profile starts to record what this process does; the function that it returns writes CPU, heap and trace profiles to the directory
// named in TCPPROXY_PROFILE, with the process's number in their names. It is for `make profile` only, since a recording proxy is a
// slow one.
func profile() (stop func()) {
	dir := os.Getenv("TCPPROXY_PROFILE")
	create := func(kind string) *os.File {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.%s", os.Getpid(), kind)))
		if err != nil {
			fmt.Fprintln(os.Stderr, "tcpproxy: profile:", err)
			os.Exit(1)
		}
		return f
	}
	cpu, events := create("cpu"), create("trace")
	if err := pprof.StartCPUProfile(cpu); err != nil {
		fmt.Fprintln(os.Stderr, "tcpproxy: profile:", err)
	}
	if err := trace.Start(events); err != nil {
		fmt.Fprintln(os.Stderr, "tcpproxy: profile:", err)
	}
	return func() {
		trace.Stop()
		pprof.StopCPUProfile()
		heap := create("heap")
		if err := pprof.WriteHeapProfile(heap); err != nil {
			fmt.Fprintln(os.Stderr, "tcpproxy: profile:", err)
		}
		for _, f := range []*os.File{cpu, events, heap} {
			_ = f.Close()
		}
	}
}
