//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Names of the proxies compared, as --peers and the tables spell them.
const (
	ours          = "tcpproxy"
	oursTwoLoops  = "tcpproxy-loops-2" // the same with --loops 2, whatever the default is
	oursSurviving = "tcpproxy-survive" // the same with --survive
	wireOnly      = "wire-only"
	haproxy       = "haproxy"
	haproxySplice = "haproxy-splice"
	nginx         = "nginx"
	ioCopy        = "io.Copy"
)

// peerNames in the order of the tables.
var peerNames = []string{ours, oursTwoLoops, oursSurviving, wireOnly, haproxy, haproxySplice, nginx, ioCopy}

// peer is a proxy that can be put between the clients and the destination.
type peer struct {
	name    string
	program string
	version string
	// arguments for a proxy from one loopback port to another; files it needs
	// go into dir.
	arguments func(dir string, listen, destination int) ([]string, error)
}

// plainArguments is what all Go proxies here take.
func plainArguments(flags ...string) func(string, int, int) ([]string, error) {
	return func(_ string, listen, destination int) ([]string, error) {
		return append(flags, "127.0.0.1", strconv.Itoa(destination), strconv.Itoa(listen)), nil
	}
}

// ourArguments switch both silence timers off: no other proxy here closes idle
// sessions during the test either.
func ourArguments(flags ...string) func(string, int, int) ([]string, error) {
	return plainArguments(append([]string{"--idle-timeout", "0", "--hang-timeout", "0"}, flags...)...)
}

// haproxyArguments configure HAProxy as its manual's examples do for TCP: mode
// tcp, the three timeouts, one thread per core. maxconn is what the descriptor
// limit allows: two descriptors a session, and two a pipe.
func haproxyArguments(maxSessions, threads int, defaults string) func(string, int, int) ([]string, error) {
	return func(dir string, listen, destination int) ([]string, error) {
		return writeConfig(dir, "haproxy.cfg", fmt.Sprintf(`global
    nbthread %d
    maxconn %d
    maxpipes 200
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
%sfrontend clients
    bind 127.0.0.1:%d
    default_backend destination
backend destination
    server one 127.0.0.1:%d
`, threads, maxSessions, defaults, listen, destination), "-db", "-f")
	}
}

// nginxArguments configure nginx's stream module: a worker per core, and two
// connections a session, all of which may fall to one worker.
func nginxArguments(module string, descriptors, workers int) func(string, int, int) ([]string, error) {
	load := ""
	if module != "" {
		load = "load_module " + module + ";\n"
	}
	return func(dir string, listen, destination int) ([]string, error) {
		return writeConfig(dir, "nginx.conf", fmt.Sprintf(`%sdaemon off;
user root;
pid %s;
error_log stderr error;
worker_processes %d;
worker_rlimit_nofile %d;
events {
    worker_connections %d;
}
stream {
    server {
        listen 127.0.0.1:%d backlog=4096;
        proxy_pass 127.0.0.1:%d;
        proxy_connect_timeout 10s;
        proxy_timeout 1h;
    }
}
`, load, filepath.Join(dir, "nginx.pid"), workers, descriptors, descriptors-200, listen, destination),
			"-e", "stderr", "-c")
	}
}

// writeConfig stores the text and returns the arguments that lead to it.
func writeConfig(dir, name, text string, flags ...string) ([]string, error) {
	path := filepath.Join(dir, name)
	return append(flags, path), os.WriteFile(path, []byte(text), 0o600)
}
