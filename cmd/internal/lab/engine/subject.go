package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/lab"
	"tcpproxy/cmd/internal/lab/naive"
	"tcpproxy/test/fault"
)

// subject is what is examined: the proxy, what it is compared with, or the proxy as a process.
type subject interface {
	// addr is where it listens.
	addr() string
	// kill makes an actor fail. It does not wait.
	kill(pid, mode string) error
	// settle waits until what was begun by n faults of an actor is over, or the context is.
	settle(ctx context.Context, pid string, n int)
	// stop ends it, and waits until nothing is left.
	stop()
}

// byLab is on whose behalf actors are killed.
const byLab = "lab"

// start starts the subject of a cell.
func (t *trial) start() (subject, error) {
	switch {
	case t.cell.Victim == "process":
		return t.startProcess()
	case t.cell.Strategy == lab.Naive:
		return t.startNaive()
	}
	cfg := actors.Config{
		Host: "127.0.0.1", Port: t.origin.port(), ListenHost: "127.0.0.1", Loops: 1,
		Supervision: t.cell.Strategy, Strategies: t.engine.Strategies, SessionSupervision: t.experiment.Session,
		MaxRestarts: t.experiment.MaxRestarts, Within: time.Duration(t.experiment.Within), Fault: t.strike,
	}
	p, err := actors.Start(cfg, t.observe)
	if err != nil {
		return nil, err
	}
	return proxy{p, t.watch}, nil
}

// proxy is the real one, in this process.
type proxy struct {
	proxy *actors.Proxy
	watch *fault.Watch
}

func (p proxy) addr() string { return p.proxy.Addr().String() }

func (p proxy) kill(pid, mode string) error { return p.proxy.Kill(pid, mode, byLab) }

func (p proxy) settle(ctx context.Context, _ string, _ int) { _ = p.watch.Quiet(ctx, p.proxy) }

func (p proxy) stop() {
	p.proxy.Stop()
	<-p.proxy.Done()
}

// unshaped are the victims that there are in the proxy only.
var unshaped = map[string]bool{"session": true, "acceptor": true, "listener": true}

func (t *trial) startNaive() (subject, error) {
	if v := t.cell.Victim; unshaped[v] {
		return nil, fmt.Errorf("the naive design is four children that keep bytes; its %s is no subject of study", v)
	}
	f, err := naive.Start(naive.Config{
		Destination: fmt.Sprintf("127.0.0.1:%d", t.origin.port()), Fault: t.strike,
		MaxRestarts: t.experiment.MaxRestarts, Within: time.Duration(t.experiment.Within),
	}, t.observe)
	if err != nil {
		return nil, err
	}
	return simple{f, t.watch}, nil
}

// simple is the naive design.
type simple struct {
	forwarder *naive.Forwarder
	watch     *fault.Watch
}

func (s simple) addr() string { return s.forwarder.Addr().String() }

func (s simple) kill(pid, mode string) error { return s.forwarder.Kill(pid, mode, byLab) }

// settle knows of restarts only: in this design nobody can be asked whether something is under way.
func (s simple) settle(ctx context.Context, pid string, n int) {
	if n > 0 {
		ctx, cancel := context.WithTimeout(ctx, hearing/8)
		defer cancel()
		_ = s.watch.Restarted(ctx, pid, n)
	}
}

func (s simple) stop() { s.forwarder.Stop() }

// errGone says that the connection ended before it had begun.
var errGone = errors.New("the session ended before it relayed")
