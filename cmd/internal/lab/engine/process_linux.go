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

	"tcpproxy/actors"
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
	silent chan struct{} // closed when nobody is left who could say anything
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
	x, args := t.experiment, []string{
		"--survive", "--no-timeouts", "--drain-timeout", "0s", "--listen-host", "127.0.0.1", "--loops", "1", "--supervision", t.cell.Strategy,
	}
	if x.MaxRestarts > 0 { // of processes, too
		args = append(args, "--max-restarts", strconv.Itoa(x.MaxRestarts))
	}
	if x.Within > 0 {
		args = append(args, "--within", time.Duration(x.Within).String())
	}
	args = append(args, "127.0.0.1", strconv.Itoa(int(t.origin.port())), strconv.Itoa(port))
	p := &process{trial: t, cmd: exec.Command(t.engine.Program, args...), gone: make(chan struct{}), silent: make(chan struct{})}
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
	listening := make(chan string, 1) // "", or its last words
	go p.listen(said, listening)
	go func() {
		_ = p.cmd.Wait()
		close(p.gone)
	}()
	words := <-listening
	if words == "" {
		return p, nil
	}
	p.stop()
	if !strings.Contains(words, "address already in use") {
		return nil, fmt.Errorf("the program ended: %s", words)
	}
	return nil, nil
}

// listen reads what the program says, and tells when it listens, or what it said last.
func (p *process) listen(said *os.File, listening chan<- string) {
	defer close(p.silent)
	defer said.Close()
	heard, last := false, "without a word"
	for lines := bufio.NewScanner(said); lines.Scan(); last = lines.Text() {
		if !heard && strings.Contains(lines.Text(), "msg=listening") {
			heard = true
			listening <- ""
		}
	}
	_, _ = io.Copy(io.Discard, said) // there was a line that was too long
	if !heard {
		listening <- last
	}
}

func (p *process) addr() string { return p.at }

// kill kills the worker, and waits until another process has its place, or until the keeper has given up. It tells of either, since the
// program's own events are out of reach.
func (p *process) kill(pid, mode string) error {
	if mode != "kill" {
		return fmt.Errorf("a process can be killed, but not made to fail by %q", mode)
	}
	ctx, cancel := context.WithTimeout(context.Background(), settling)
	defer cancel()
	go func() {
		select {
		case <-p.gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	p.trial.observe(messages.ActorKilled{PID: pid, Kind: pid, Mode: mode, By: byLab})
	failed := messages.ActorFailed{PID: pid, Reason: "killed", Strategy: "keeper", Directive: "restart", Kill: mode}
	r, err := p.family.KillWorker(ctx)
	switch {
	case err == nil:
		p.trial.observe(failed)
		p.trial.observe(messages.ProcessRestarted{Generation: uint64(p.trial.faults + 2), Reason: "killed", After: r.Gap})
		return nil
	case !p.over():
		return err
	}
	p.trial.observe(messages.SessionClosed{PID: victimSession, Cause: messages.CauseSupervision})
	if r.Killed == 0 { // it had given up after the last time
		return actors.ErrNoActor
	}
	failed.Directive = "stop"
	p.trial.observe(failed)
	return nil
}

// over reports whether the keeper has ended.
func (p *process) over() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// settle waits until the sessions beside have been served again: the successor is seen before it has taken over.
func (p *process) settle(ctx context.Context, _ string, _ int) {
	since := p.trial.clock.now()
	for !p.over() && !p.trial.others.trips.since(since) && lapse(ctx, time.Millisecond) == nil {
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
	<-p.silent
}
