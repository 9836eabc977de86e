package conformance

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"
)

// lifecycle is the part of phase 6 about how the forwarder starts and stops.
func lifecycle() []Case {
	const p = 6
	return []Case{
		{
			Phase: p, Name: "port-taken", Title: "the port to listen on is taken",
			Sends:   "a start with a port on which somebody else listens",
			Expects: fmt.Sprintf("an exit code other than 0 within %v, and a word about it", startLimit),
			Why:     "a service manager must see that the start has failed, and a human being why",
			Limit:   10 * time.Second, run: portTaken,
		},
		{
			Phase: p, Name: "usage", Title: "wrong arguments",
			Sends:   "starts with no argument, one, two, and too many; with ports that are no number, negative, or too large; with an unknown flag",
			Expects: fmt.Sprintf("an exit code other than 0 within %v, and a word about it that is not a stack trace", startLimit),
			Why:     "a mistake in a script should end there",
			Limit:   30 * time.Second, Needs: NeedArguments, run: usageErrors,
		},
		{
			Phase: p, Name: "terminate", Title: "SIGTERM with nothing to do",
			Sends:   "one round trip; when that connection has ended, SIGTERM",
			Expects: fmt.Sprintf("the process gone within %v, with exit code 0 or by the signal, and the port free", promptly),
			Why:     "what does not stop when told is killed, and then nothing is orderly",
			Limit:   15 * time.Second, run: func(t *Trial) error { return terminate(t, syscall.SIGTERM) },
		},
		{
			Phase: p, Name: "interrupt", Title: "SIGINT with nothing to do",
			Sends:   "one round trip; when that connection has ended, SIGINT",
			Expects: fmt.Sprintf("the process gone within %v, and the port free", promptly),
			Why:     "Ctrl-C",
			Limit:   15 * time.Second, run: func(t *Trial) error { return terminate(t, syscall.SIGINT) },
		},
		{
			Phase: p, Name: "drain", Title: "told to stop with a live connection",
			Sends:   "the signal of --drain-signal in the middle of a connection; more bytes both ways for 1 s; then the ends",
			Expects: "nobody listens any more at once; the live connection is served to its end; then the process ends with exit code 0",
			Why:     "an update must not cut what is under way",
			Limit:   20 * time.Second, Load: Waiting, Needs: NeedDrain, run: drainCase,
		},
	}
}

func portTaken(t *Trial) error {
	taken, err := t.portPool.free()
	if err != nil {
		return err
	}
	// On both families, so that it does not matter which one the forwarder tries.
	holder, err := net.Listen("tcp", fmt.Sprintf(":%d", taken))
	if err != nil {
		return err
	}
	t.own(func() { holder.Close() })
	d, err := t.listen(0)
	if err != nil {
		return err
	}
	f, err := t.launch(loopback, d.port, taken)
	if err != nil {
		return err
	}
	return t.expectRefusal(f, "a port that is taken")
}

// expectRefusal expects a process to give up at once, with an error and a reason.
func (t *Trial) expectRefusal(f *forwarder, because string) error {
	expected := fmt.Sprintf("%s to be refused at once: an exit code other than 0 and a reason", because)
	code, err := f.awaitExit(t.ctx, startLimit)
	said := f.output.all()
	switch {
	case err != nil:
		return wrong(expected, "%v%s", err, f.lastWords())
	case code == 0:
		return wrong(expected, "exit code 0%s", f.lastWords())
	case code < 0 || strings.Contains(said, "goroutine ") || strings.Contains(said, "Traceback"):
		return wrong(expected, "a crash: %s", f.fate())
	case strings.TrimSpace(said) == "":
		return wrong(expected, "exit code %d and no word", code)
	}
	return nil
}

func usageErrors(t *Trial) error {
	mistakes := [][]string{
		{}, {loopback}, {loopback, "80"}, {loopback, "80", "8080", "more"},
		{loopback, "eighty", "8080"}, {loopback, "80", "http-alt-nowhere"}, {loopback, "65536", "8080"}, {loopback, "80", "70000"},
		{loopback, "-1", "8080"}, {loopback, "0", "8080"}, {loopback, "", "8080"}, {"", "80", "8080"}, {loopback, "80", "8080", "--no-such-flag"},
	}
	for _, arguments := range mistakes {
		t.step("starting it with %q", arguments)
		f, err := launch(append(append([]string{}, t.opts.Command.words...), arguments...), "")
		if err != nil {
			return wrong("a forwarder that can be started", "%v", err)
		}
		err = t.expectRefusal(f, fmt.Sprintf("the arguments %q", arguments))
		f.stop()
		if err != nil {
			return err
		}
	}
	t.step("")
	return nil
}

func terminate(t *Trial, signal syscall.Signal) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	if err := t.echoOnce(f, t.stream(0), 1000); err != nil {
		return err
	}
	if _, err := t.settled(f); err != nil {
		return err
	}
	f.signal(signal)
	expected := fmt.Sprintf("a process that ends by %v within %v", signal, promptly)
	code, err := f.awaitExit(t.ctx, promptly)
	if err != nil {
		return wrong(expected, "%v", err)
	}
	status, _ := f.cmd.ProcessState.Sys().(syscall.WaitStatus)
	// 128 plus the signal's number is what a program answers that has caught the signal and says so.
	killed := status.Signaled() && status.Signal() == signal
	if code != 0 && code != 128+int(signal) && !killed {
		return wrong(expected+" with exit code 0 or by the signal", "%s", f.fate())
	}
	if listening(f.listen) {
		return wrong("the port to be free", "somebody who still listens on it")
	}
	return nil
}

func drainCase(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	up, down := t.stream(0), t.stream(1)
	off := int64(0)
	exchange := func() error {
		const n = 1000
		if err := client.send(up, off, n); err != nil {
			return err
		}
		if err := server.expect(up, off, n); err != nil {
			return err
		}
		if err := server.send(down, off, n); err != nil {
			return err
		}
		if err := client.expect(down, off, n); err != nil {
			return err
		}
		off += n
		return nil
	}
	if err := exchange(); err != nil {
		return err
	}
	f.signal(t.opts.DrainSignal)
	t.step("waiting for the forwarder to stop listening")
	for limit := time.Now().Add(promptly); listening(f.listen); {
		if time.Now().After(limit) {
			return wrong(fmt.Sprintf("nobody to listen any more within %v", promptly), "a forwarder that still listens")
		}
		if err := t.pause(10 * time.Millisecond); err != nil {
			return err
		}
	}
	t.step("using the live connection after the signal")
	for range 10 {
		if err := exchange(); err != nil {
			return err
		}
		if err := t.pause(100 * time.Millisecond); err != nil {
			return err
		}
	}
	if err := client.finish(); err != nil {
		return err
	}
	if err := server.expectFIN(); err != nil {
		return err
	}
	if err := server.finish(); err != nil {
		return err
	}
	if err := client.expectFIN(); err != nil {
		return err
	}
	t.step("waiting for the forwarder to end after its last connection")
	expected := fmt.Sprintf("a process that ends with exit code 0 within %v after its last connection", promptly)
	code, err := f.awaitExit(t.ctx, promptly)
	if err != nil {
		return wrong(expected, "%v", err)
	}
	if code != 0 {
		return wrong(expected, "%s", f.fate())
	}
	t.step("")
	return nil
}
