//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"tcpproxy/test/bench/internal/loadctl"
	"tcpproxy/test/freeport"
)

// rig is one proxy, freshly started, with a destination behind it and a client
// process before it. Every run has a rig of its own: memory and kernel state
// left by one kind of work must not be charged to the next.
type rig struct {
	peer    peer
	load    string
	dir     string
	proxy   *process
	port    int
	release func() // gives the port back
	pids    []int
	startup time.Duration // from exec to the first answered block
	drivers []*driver
	server  *process
	tracer  *tracer // nil unless system calls are being counted
}

// errGone says that the proxy ended in the middle of a run.
var errGone = errors.New("the proxy has ended")

// raise starts destination, proxy and client.
func raise(ctx context.Context, load string, p peer) (r *rig, err error) {
	r = &rig{peer: p, load: load}
	defer func() {
		if err != nil {
			r.fall()
		}
	}()
	if r.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return r, err
	}
	destination, err := r.startServer()
	if err != nil {
		return r, fmt.Errorf("destination: %w", err)
	}
	if r.port, r.release, err = freeport.Take(); err != nil {
		return r, err
	}
	arguments, err := p.arguments(r.dir, r.port, destination)
	if err != nil {
		return r, err
	}
	start := time.Now()
	if r.proxy, err = startProcess(nil, nil, append([]string{p.program}, arguments...)...); err != nil {
		return r, err
	}
	if err := r.awaitAnswer(ctx); err != nil {
		return r, r.proxy.complaint(err)
	}
	r.startup = time.Since(start)
	if r.pids, err = family(r.proxy.pid()); err != nil {
		return r, err
	}
	_, err = r.addDriver()
	return r, err
}

// fall stops everything and removes what it left.
func (r *rig) fall() {
	for _, d := range r.drivers {
		d.stop()
	}
	if r.proxy != nil {
		r.proxy.stop()
	}
	if r.server != nil {
		r.server.stop()
	}
	if r.release != nil {
		r.release()
	}
	if r.dir != "" {
		_ = os.RemoveAll(r.dir)
	}
}

// startServer starts the destination, whose first line is its port.
func (r *rig) startServer() (port int, err error) {
	out, in, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer out.Close()
	r.server, err = startProcess(nil, in, r.load, "serve")
	in.Close()
	if err != nil {
		return 0, err
	}
	if err := out.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return 0, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return 0, r.server.complaint(err)
	}
	return strconv.Atoi(strings.TrimSpace(line))
}

func (r *rig) addDriver() (*driver, error) {
	d, err := startDriver(r.load, r.port)
	if err != nil {
		return nil, fmt.Errorf("clients: %w", err)
	}
	r.drivers = append(r.drivers, d)
	return d, nil
}

// do has the first client process carry out a command.
func (r *rig) do(ctx context.Context, command loadctl.Command) (loadctl.Reply, error) {
	reply, err := r.drivers[0].do(ctx, command)
	if err != nil {
		err = r.blame(err)
	}
	return reply, err
}

// blame adds to an error of the clients what the proxy had to do with it.
func (r *rig) blame(err error) error {
	select {
	case <-r.proxy.ended:
		return r.proxy.complaint(fmt.Errorf("%w: %w", errGone, err))
	default:
		return err
	}
}

// awaitAnswer tries until a block comes back through the proxy.
func (r *rig) awaitAnswer(ctx context.Context) error {
	deadline := time.Now().Add(10 * time.Second)
	var last error
	for time.Now().Before(deadline) {
		if last = tryAnswer(r.port); last == nil {
			return nil
		}
		select {
		case <-r.proxy.ended:
			return errGone
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Microsecond):
		}
	}
	return fmt.Errorf("no answer through the proxy: %w", last)
}

func tryAnswer(port int) error {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	block := make([]byte, loadctl.BlockSize)
	block[0] = loadctl.Echo
	if _, err := conn.Write(block); err != nil {
		return err
	}
	_, err = conn.Read(block)
	return err
}
