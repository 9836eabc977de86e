package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tcpproxy/messages"
	"tcpproxy/test/fault"
	"tcpproxy/test/freeport"
)

// process is a tcpproxy --survive, for faults that no actor outlives.
type process struct {
	trial  *trial
	cmd    *exec.Cmd
	at     string
	family *fault.Family
	gone   chan struct{} // closed when the keeper has ended
}

// startProcess starts the program on a port of its own. Another program may take that first: then it tries again.
func (t *trial) startProcess() (subject, error) {
	if t.engine.Program == "" {
		return nil, errors.New("there is no tcpproxy beside this program whose process could be killed")
	}
	for range 5 {
		p, err := t.spawn()
		if err != nil || p != nil {
			return p, err
		}
	}
	return nil, errors.New("no port could be had for the tcpproxy whose process is to be killed")
}

// spawn returns neither if the port was taken.
func (t *trial) spawn() (subject, error) {
	port, release, err := freeport.Take()
	if err != nil {
		return nil, err
	}
	defer release() // the program has it by then
	args := []string{
		"--survive", "--no-timeouts", "--listen-host", "127.0.0.1", "--loops", "1", "--supervision", t.cell.Strategy, "--drain-timeout", "0s",
		"127.0.0.1", strconv.Itoa(int(t.origin.port())), strconv.Itoa(port),
	}
	p := &process{trial: t, cmd: exec.Command(t.engine.Program, args...), gone: make(chan struct{})}
	p.at = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	mark := fault.Mark()
	p.cmd.Env = append(os.Environ(), mark)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	said, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = writer
	err = p.cmd.Start()
	_ = writer.Close()
	if err != nil {
		_ = said.Close()
		return nil, fmt.Errorf("the program cannot be started: %w", err)
	}
	p.family = fault.Processes(p.cmd.Process.Pid, mark)
	listening := make(chan bool, 1)
	last := make(chan string, 1)
	go func() {
		defer said.Close()
		line, heard := "", false
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			line = lines.Text()
			if !heard && strings.Contains(line, "msg=listening") {
				heard = true
				listening <- true
			}
		}
		_, _ = io.Copy(io.Discard, said) // a line that was too long
		if !heard {
			last <- line
			listening <- false
		}
	}()
	go func() {
		_ = p.cmd.Wait()
		close(p.gone)
	}()
	if <-listening {
		return p, nil
	}
	<-p.gone
	if line := <-last; !strings.Contains(line, "address already in use") {
		return nil, fmt.Errorf("the program ended: %s", line)
	}
	return nil, nil
}

func (p *process) addr() string { return p.at }

// kill kills the worker, and waits until another process has its place. It tells of both, since the program's own events are out of reach.
func (p *process) kill(pid, mode string) error {
	if mode != "kill" {
		return fmt.Errorf("a process can be killed, but not made to fail by %q", mode)
	}
	ctx, cancel := context.WithTimeout(context.Background(), settling)
	defer cancel()
	p.trial.observe(messages.ActorKilled{PID: pid, Kind: pid, Mode: mode, By: byLab})
	r, err := p.family.KillWorker(ctx)
	if err != nil {
		return err
	}
	p.trial.observe(messages.ActorFailed{PID: pid, Reason: "killed", Strategy: "keeper", Directive: "restart", Kill: "kill"})
	p.trial.observe(messages.ProcessRestarted{Generation: uint64(p.trial.faults + 2), Reason: "killed", After: r.Gap})
	return nil
}

// settle waits until the sessions beside have been served again: the successor is seen before it has taken over.
func (p *process) settle(ctx context.Context, _ string, _ int) {
	since := p.trial.clock.now()
	for !p.trial.others.trips.since(since) && lapse(ctx, time.Millisecond) == nil {
		continue
	}
}

// stop ends the program as a user would, and the hard way whatever that leaves.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(ending, func() { _ = p.cmd.Process.Kill() })
	<-p.gone
	late.Stop()
	for _, pid := range p.family.PIDs() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
