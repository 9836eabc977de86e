package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tcpproxy/messages"
	"tcpproxy/test/freeport"
)

// shown is `tcpproxy --show` in a process of its own.
type shown struct {
	*exec.Cmd
	console string   // host:port
	addr    string   // where it listens
	said    []string // the lines of standard output up to the two commands
	log     *logbook
	rest    chan string // what standard output has after that, when it ends
}

// startShow returns once it has said all that it says. There is no desktop, unless env brings one.
func startShow(t *testing.T, env []string, flags ...string) *shown {
	t.Helper()
	s := &shown{Cmd: program(t, append(flags, "--show")...), log: newLogbook(), rest: make(chan string, 1)}
	s.Env = append(append(s.Env, "DISPLAY=", "WAYLAND_DISPLAY=", "PATH="), env...)
	s.Stderr = s.log
	// At the end of the test, if it has not ended by itself. Of a keeper that is killed, the worker would go on.
	s.Cancel = func() error { return s.Process.Signal(syscall.SIGQUIT) }
	s.WaitDelay = 10 * time.Second
	stdout, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Wait() })
	impatience := time.AfterFunc(20*time.Second, func() { _ = s.Process.Kill() })
	defer impatience.Stop()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		s.said = append(s.said, lines.Text())
		if rest, found := strings.CutPrefix(strings.TrimSpace(lines.Text()), "curl http://"); found {
			s.addr, _, _ = strings.Cut(rest, "/")
			go func() {
				all, _ := io.ReadAll(stdout)
				s.rest <- string(all)
			}()
			break
		}
	}
	if s.addr == "" {
		t.Fatalf("it ended before it was ready: %v; %q; %v", s.Wait(), s.said, s.log)
	}
	console, found := strings.CutPrefix(s.said[0], "The console is at http://")
	if !found {
		t.Fatalf("the first line is not the console's address: %q", s.said)
	}
	s.console = strings.TrimSuffix(console, "/")
	return s
}

// sessions are those that there are now; none, while the API is not to be reached.
func (s *shown) sessions(t *testing.T) (all messages.Sessions) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.console+"/api/sessions", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	if json.NewDecoder(response.Body).Decode(&all) != nil {
		return nil
	}
	return all
}

// awaitFlow returns once each of the sessions has moved bytes since it was first seen, and there are three.
func (s *shown) awaitFlow(t *testing.T) {
	t.Helper()
	before := map[uint64]uint64{}
	for begun := time.Now(); time.Since(begun) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		moving := 0
		for _, session := range s.sessions(t) {
			moved := session.BytesClientToServer + session.BytesServerToClient
			if first, seen := before[session.ID]; !seen && moved > 0 {
				before[session.ID] = moved
			} else if seen && moved > first {
				moving++
			}
		}
		if moving == 3 {
			return
		}
	}
	t.Fatalf("three sessions with traffic: not within 20 s; %+v; %v", s.sessions(t), s.log)
}

// end ends it as Ctrl-C does, and nothing may be left: neither a process that has its standard output, nor a port.
func (s *shown) end(t *testing.T) {
	t.Helper()
	begun := time.Now()
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	patience := time.NewTimer(15 * time.Second) // less than the drain timeout: its own clients must not be waited for
	defer patience.Stop()
	select {
	case <-s.rest: // whoever has the pipe has closed it, workers and holders among them
	case <-patience.C:
		t.Fatalf("it goes on %v after SIGTERM; %v", time.Since(begun), s.log)
	}
	if err := s.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v; %v", err, s.log)
	}
	for _, addr := range []string{s.console, s.addr} {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			t.Errorf("%s is still served", addr)
		}
	}
}

// TestShow is `make run`: the console's address first, then the two commands, traffic of its own, and a second one on other ports.
func TestShow(t *testing.T) {
	first := startShow(t, nil)
	second := startShow(t, nil)
	if first.console == second.console || first.addr == second.addr {
		t.Errorf("two at the same ports: %q and %q", first.said, second.said)
	}
	for _, s := range []*shown{first, second} {
		if !slices.ContainsFunc(s.said, func(line string) bool { return strings.Contains(line, "curl -s http://"+s.addr+"/~rtm/BIG") }) {
			t.Errorf("the first command is missing: %q", s.said)
		}
		s.awaitFlow(t)
		s.end(t)
	}
}

// What the user has named is not replaced.
func TestShowObeys(t *testing.T) {
	console, port := "127.0.0.1:"+freeport.For(t), freeport.For(t)
	s := startShow(t, nil, "--admin", console, port)
	if s.console != console || s.addr != "127.0.0.1:"+port {
		t.Errorf("console %s at %s, port %s at %s", console, s.console, port, s.addr)
	}
	s.end(t)

	listener, err := net.Listen("tcp", console)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	refused := program(t, "--show", "--admin", console)
	var stderr strings.Builder
	refused.Stderr = &stderr
	impatience := time.AfterFunc(20*time.Second, func() { _ = refused.Process.Kill() }) // it has found another port, and runs
	defer impatience.Stop()
	stdout, _ := refused.Output()
	if code := refused.ProcessState.ExitCode(); code != exitError || len(stdout) > 0 ||
		!strings.Contains(stderr.String(), "--admin") || !strings.Contains(stderr.String(), "address already in use") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr.String())
	}
}

// A desktop gets a browser, once, with the console's address; one that does not end is not waited for.
func TestShowOpensBrowser(t *testing.T) {
	for name, flags := range map[string][]string{"alone": nil, "kept": {"--survive"}} {
		t.Run(name, func(t *testing.T) {
			if name == "kept" && !survives(t) {
				return
			}
			desktop := t.TempDir()
			opened := filepath.Join(desktop, "opened")
			script := "#!/bin/sh\necho \"$1\" >>" + opened + ".new\n/bin/mv " + opened + ".new " + opened + "\n"
			for _, command := range []string{"xdg-open", "open"} {
				if err := os.WriteFile(filepath.Join(desktop, command), []byte(script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			s := startShow(t, []string{"DISPLAY=:0", "PATH=" + desktop}, flags...)
			var text []byte
			for begun := time.Now(); len(text) == 0; time.Sleep(10 * time.Millisecond) {
				text, _ = os.ReadFile(opened)
				if time.Since(begun) > 10*time.Second {
					t.Fatal("no browser was opened")
				}
			}
			if string(text) != "http://"+s.console+"/\n" {
				t.Errorf("it was opened with %q, the console is at %s", text, s.console)
			}
			s.end(t)
		})
	}
}

func TestBrowser(t *testing.T) {
	for _, test := range []struct{ system, display, wayland, want string }{
		{"linux", "", "", ""},
		{"linux", ":0", "", "xdg-open"},
		{"linux", "", "wayland-0", "xdg-open"},
		{"freebsd", "", "", ""},
		{"darwin", "", "", "open"},
	} {
		env := map[string]string{"DISPLAY": test.display, "WAYLAND_DISPLAY": test.wayland}
		if got := browser(test.system, func(name string) string { return env[name] }); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

// With --survive the traffic goes on while workers are killed: sessions keep their numbers, and their bytes grow.
func TestShowSurvives(t *testing.T) {
	if !survives(t) {
		return
	}
	s := startShow(t, nil, "--survive", "--chaos", "20", "--chaos-target", "process", "--chaos-seed", strconv.Itoa(os.Getpid()))
	s.log.await(t, "generation=5 ")
	s.awaitFlow(t)
	for _, session := range s.sessions(t) {
		if session.ID > 3 {
			t.Errorf("a client had to come again: %+v", session)
		}
	}
	s.end(t)
}

// What --show stands for, and what it leaves to who names it.
func TestShowMeans(t *testing.T) {
	for line, want := range map[string]freePorts{
		"--show":                             {admin: true, listen: true},
		"--show 4000":                        {admin: true},
		"--show --admin 127.0.0.1:9090":      {listen: true},
		"--show --admin 127.0.0.1:9090 3000": {},
	} {
		p, err := parse(strings.Fields(line), io.Discard)
		if err != nil || !p.Demo || !p.Faults || p.Admin != "127.0.0.1:9090" || p.proxy.ListenHost != "127.0.0.1" || p.free != want {
			t.Errorf("%s: %+v, %v", line, p, err)
		}
	}
	if p, err := parse([]string{"--demo"}, io.Discard); err != nil || p.Admin != "" || p.Faults || p.free != (freePorts{}) {
		t.Errorf("--demo alone: %+v, %v", p, err)
	}
}

// The workers get the ports that were found, whatever the command line is.
func TestWorkersGetThePorts(t *testing.T) {
	p, err := parse([]string{"--show"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+freeport.For(t))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p.Admin = listener.Addr().String()
	flags, arguments := p.choosePorts()
	again, err := parse(slices.Concat(flags, []string{"--show", "--survive"}, arguments), io.Discard)
	if err != nil || again.Admin == listener.Addr().String() || again.Admin != p.Admin || again.proxy.ListenPort != p.proxy.ListenPort ||
		again.free != (freePorts{}) {
		t.Errorf("found %s and %d; the worker has %+v, %v", p.Admin, p.proxy.ListenPort, again, err)
	}
}
