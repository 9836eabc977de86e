package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version describes this build. The go command stamps it with the tag or the commit that it was built from.
func version() string {
	build := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		build = info.Main.Version
	}
	return fmt.Sprintf("tcpproxy %s (%s, %s/%s)", build, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
