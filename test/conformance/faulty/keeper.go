package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// With --survive there are two processes. The keeper, which is the one that was started, accepts clients and connects to the destination.
// It holds on to both sockets of every connection and hands copies of them to a worker, which relays. If that is killed, the next one gets
// them all. What the worker took from one socket and did not give to the other would be lost; so it takes nothing before it has given it
// (see worker.go), and what it has given without taking it the system knows.

// workerName is what the worker is called in /proc/PID/comm.
const workerName = "faulty-worker"

// workerMark is in the worker's environment.
const workerMark = "FAULTY_WORKER=1"

// handed is what the keeper tells the worker of a connection; the two sockets come with it, the client's first.
type handed struct {
	ID     int
	Base   [2]int64 // what the system had counted as sent over each when it was new
	Failed [2]bool  // a worker has had an error there, which is told only once
}

// told is what the worker tells the keeper of a connection.
type told struct {
	ID     int
	Failed int // 1 or 2: the first or second socket had an error; 0: it is over
}

// kept is a connection in the keeper.
type kept struct {
	handed
	sockets [2]*net.TCPConn
	over    chan struct{}
}

// keeper is what the process has that was started with --survive.
type keeper struct {
	p *proxy

	mu     sync.Mutex
	last   int
	all    map[int]*kept
	worker *net.UnixConn
}

// keep is proxy.serve with a worker.
func (p *proxy) keep(signals <-chan os.Signal) error {
	k := &keeper{p: p, all: map[int]*kept{}}
	if err := k.start(); err != nil {
		return err
	}
	p.relay = k.relay
	return p.serve(signals)
}

// start starts a worker, and gives it all connections that there are.
func (k *keeper) start() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), workerMark)
	cmd.Stderr, cmd.ExtraFiles = os.Stderr, []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	worker := conn.(*net.UnixConn)
	go k.attend(cmd, worker)
	k.mu.Lock()
	k.worker = worker
	var all []*kept
	for _, c := range k.all {
		all = append(all, c)
	}
	k.mu.Unlock()
	for _, c := range all {
		k.hand(worker, c)
	}
	return nil
}

// attend listens to a worker until it dies, and starts the next one.
func (k *keeper) attend(cmd *exec.Cmd, worker *net.UnixConn) {
	buf := make([]byte, 256)
	for {
		n, err := worker.Read(buf)
		var word told
		if err != nil || json.Unmarshal(buf[:n], &word) != nil {
			break
		}
		k.mu.Lock()
		if c := k.all[word.ID]; c != nil && word.Failed > 0 {
			c.Failed[word.Failed-1] = true
		} else if c != nil {
			k.forget(c)
		}
		k.mu.Unlock()
	}
	worker.Close()
	_ = cmd.Wait()
	if k.p.forgetful {
		k.mu.Lock()
		for _, c := range k.all {
			k.forget(c)
		}
		k.mu.Unlock()
	}
	if err := k.start(); err != nil {
		os.Exit(1)
	}
}

// forget ends the keeper's part of a connection. k.mu is held.
func (k *keeper) forget(c *kept) {
	delete(k.all, c.ID)
	for _, socket := range c.sockets {
		socket.Close() // in the way that the worker has prepared: with a reset, or not
	}
	close(c.over)
}

// relay has the worker relay, and returns when it has.
func (k *keeper) relay(client, server *net.TCPConn) {
	c := &kept{sockets: [2]*net.TCPConn{client, server}, over: make(chan struct{})}
	for i, socket := range c.sockets {
		c.Base[i], _ = given(socket)
	}
	k.mu.Lock()
	k.last++
	c.ID = k.last
	k.all[c.ID] = c
	worker := k.worker
	k.mu.Unlock()
	k.hand(worker, c)
	<-c.over
}

// hand gives a connection to a worker. If that is dead, the next one gets it.
func (k *keeper) hand(worker *net.UnixConn, c *kept) {
	k.mu.Lock()
	text, _ := json.Marshal(c.handed)
	k.mu.Unlock()
	var copies []int
	for _, socket := range c.sockets {
		fd, err := duplicate(socket)
		if err != nil {
			return // it is over
		}
		if !k.p.hoards {
			defer func() { _ = unix.Close(fd) }()
		}
		copies = append(copies, fd)
	}
	_, _, _ = worker.WriteMsgUnix(text, unix.UnixRights(copies...), nil)
}

// duplicate is another descriptor of a socket.
func duplicate(c *net.TCPConn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	if e := raw.Control(func(from uintptr) { fd, err = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return -1, e
	}
	return fd, err
}
