package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"tcpproxy/cmd/internal/demo"
	"tcpproxy/messages"
)

// showAdmin is where --show serves the console, if nobody says where.
const showAdmin = "127.0.0.1:9090"

// portsTried is how many ports are tried, from the usual one on, before the user is told that it is taken.
const portsTried = 100

// freePorts are the ports of --show that the user has not named: if they are taken, others do as well.
type freePorts struct{ admin, listen bool }

// settleShow spells out what --show stands for.
func (p *plan) settleShow() {
	if !p.Show {
		return
	}
	p.Demo, p.Faults = true, true
	p.free.listen = p.DestinationHost == nil
	if p.Admin == "" {
		p.Admin, p.free.admin = showAdmin, true
	}
}

// choosePorts finds ports in place of those that are taken and may be others, and returns the arguments that name them: all workers are
// to have the same.
func (p *plan) choosePorts() (flags, arguments []string) {
	if p.free.admin {
		p.Admin = nextFree(p.Admin)
		flags = append(flags, "--admin="+p.Admin)
	}
	if p.free.listen {
		addr := nextFree(net.JoinHostPort(p.proxy.ListenHost, strconv.Itoa(int(p.proxy.ListenPort))))
		_, port, _ := net.SplitHostPort(addr)
		number, _ := strconv.ParseUint(port, 10, 16)
		p.proxy.ListenPort = uint16(number)
		arguments = append(arguments, port)
	}
	return flags, arguments
}

// nextFree is the first address from addr on that can be listened on; addr, if there is none: the error is the listener's to tell.
func nextFree(addr string) string {
	host, text, _ := net.SplitHostPort(addr)
	first, err := strconv.Atoi(text)
	if err != nil {
		return addr
	}
	for port := first; port < min(first+portsTried, 1<<16); port++ {
		candidate := net.JoinHostPort(host, strconv.Itoa(port))
		if listener, err := net.Listen("tcp", candidate); err == nil {
			_ = listener.Close()
			return candidate
		}
	}
	return addr
}

// announceConsole says where the console is. It is the first thing that --show prints. Nothing is lost if nobody reads it.
func announceConsole(stdout io.Writer, addr string) {
	_, _ = fmt.Fprintf(stdout, "The console is at %s\nIn a terminal: tcpproxy top --admin %s\n\n", consoleURL(addr), addr)
}

func consoleURL(addr string) string { return "http://" + addr + "/" }

// browser is the command that opens an address on this desktop; "" if there is no desktop.
func browser(system string, getenv func(string) string) string {
	switch {
	case system == "darwin":
		return "open"
	case getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != "":
		return "xdg-open"
	}
	return ""
}

// browse opens the console in a browser, where there is a desktop. It does not wait, and what goes wrong is nobody's concern: the address
// has been printed. reap says that nobody else takes note of the end of child processes.
func browse(addr string, reap bool) {
	command := browser(runtime.GOOS, os.Getenv)
	path, err := exec.LookPath(command)
	if command == "" || err != nil {
		return
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer null.Close()
	process, err := os.StartProcess(path, []string{command, consoleURL(addr)}, &os.ProcAttr{ //nolint:gosec // what a desktop offers
		Files: []*os.File{null, null, null},        // it may be talkative
		Sys:   &syscall.SysProcAttr{Setpgid: true}, // Ctrl-C is not for the browser
	})
	switch {
	case err != nil:
	case reap:
		go func() { _, _ = process.Wait() }()
	default:
		_ = process.Release()
	}
}

// leaveWhenDraining has the demo's clients leave when the proxy waits for its clients to leave.
func leaveWhenDraining(guests *demo.Traffic) func(event any) {
	return func(event any) {
		if _, yes := event.(messages.ListenerDraining); yes {
			guests.Leave()
		}
	}
}

// trafficAddr is where the demo's own clients reach the proxy.
func (p *plan) trafficAddr() string {
	if p.proxy.ListenHost == "" {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), p.proxy.ListenPort).String()
	}
	return net.JoinHostPort(p.proxy.ListenHost, strconv.Itoa(int(p.proxy.ListenPort)))
}
