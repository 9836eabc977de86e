//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine describes what the numbers were taken on.
func machine() string {
	parts := []string{fmt.Sprintf("%s, %d cores", cpuModel(), runtime.NumCPU())}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		parts = append(parts, fmt.Sprintf("%.0f GB of memory", float64(info.Totalram)*float64(info.Unit)/1e9))
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		parts = append(parts, "Linux "+cString(name.Release[:])+" "+cString(name.Machine[:]))
	}
	if name, err := os.ReadFile(congestionFile); err == nil {
		parts = append(parts, "TCP congestion control "+strings.TrimSpace(string(name)))
	}
	return strings.Join(parts, ", ")
}

func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(info)) {
			if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

func cString(field []byte) string {
	return string(field[:max(bytes.IndexByte(field, 0), 0)])
}

// loadAverage is how busy the machine has been during the last minute: read
// before the first run, it tells how much of the noise is other people's.
func loadAverage() (float64, error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), " ")
	return strconv.ParseFloat(first, 64)
}

// writeHeader says what was run where, when and how.
func (b *bench) writeHeader(out io.Writer, command string) {
	fmt.Fprint(out, "# Results\n\nWritten by the harness; what the rows mean and how to read them is in [README.md](README.md).\n\n")
	fmt.Fprintf(out, "- command: `%s`\n", command)
	fmt.Fprintf(out, "- date: %s, took %s\n", b.begun.UTC().Format("2006-01-02 15:04 MST"), time.Since(b.begun).Round(time.Second))
	fmt.Fprintf(out, "- machine: %s; load average before the start: %.2f\n", machine(), b.loadBefore)
	fmt.Fprint(out, "- versions:")
	separator := " "
	for _, p := range b.peers {
		fmt.Fprintf(out, "%s%s %s", separator, p.name, p.version)
		separator = ", "
	}
	fmt.Fprintf(out, "\n- medians of %s; ratios are medians of ratios taken within a round\n\n", plural(b.rounds, "alternating round"))
	fmt.Fprintf(out, "![Cost relative to HAProxy](%s)\n\n", chartFile)
}
