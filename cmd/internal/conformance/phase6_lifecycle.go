package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lifecycle is phase 6: how the forwarder starts and stops, what it does at its limits, and other kinds of addresses and bytes.
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
		{
			Phase: p, Name: "out-of-descriptors", Title: "the forwarder runs out of descriptors",
			Sends:   "ten live connections; then the limit is lowered to six more descriptors, and 100 clients come",
			Expects: "the live ones served throughout, no processor time burnt on accepting in vain, and new ones served when the 100 have left",
			Why:     "accept fails and fails again while the client stays in the queue: a forwarder may die of it, or spin",
			Source:  "EMFILE in accept(2)", Limit: 30 * time.Second, Load: Waiting, run: outOfDescriptors,
		},
		{
			Phase: p, Name: "ipv6-destination", Title: "an IPv6 destination",
			Sends:   "16 KiB there and back, with the destination ::1",
			Expects: "the same bytes back, then the end of the stream",
			Why:     "addresses with colons need care wherever a port follows",
			Limit:   10 * time.Second, Needs: NeedIPv6, run: ipv6Destination,
		},
		{
			Phase: p, Name: "ipv6-client", Title: "an IPv6 client",
			Sends:   "16 KiB there and back, from a client that connects to ::1",
			Expects: "the same bytes back, then the end of the stream",
			Why:     "a name like localhost leads clients to ::1 first",
			Limit:   10 * time.Second, Needs: NeedIPv6, run: ipv6Client,
		},
		{
			Phase: p, Name: "named-destination", Title: "a destination by name",
			Sends:   "16 KiB there and back, with the destination localhost, which listens on IPv4 only",
			Expects: "the same bytes back, then the end of the stream",
			Why:     "a name may have several addresses of which not all answer",
			Limit:   15 * time.Second, run: namedDestination,
		},
		{
			Phase: p, Name: "urgent", Title: "urgent data",
			Sends:   "ordinary bytes, an urgent one, ordinary bytes; in both directions",
			Expects: "the ordinary bytes in order, the urgent one in its place or not at all; no processor time burnt",
			Why:     "telnet and rlogin send it; a loop that is woken by it and has no use for it never sleeps again",
			Source:  "RFC 6093 discourages it and lets middleboxes drop it", Limit: 15 * time.Second, run: urgent,
		},
		{
			Phase: p, Name: "urgent-bulk", Title: "urgent data in the midst of much else",
			Sends:   "8 MiB each way, with an urgent byte after every 64 KiB",
			Expects: "the ordinary bytes whole and in order, then the end; the urgent ones in their places or not at all",
			Why:     "at the urgent mark the kernel stops a read, and also a splice(2), which may return 0 there: a forwarder that takes that for the end cuts the stream",
			Source:  "tcp(7) on the urgent mark", Limit: 30 * time.Second, run: urgentBulk,
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

func outOfDescriptors(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	const live = 10
	clients := make([]*peer, live)
	for i := range clients {
		if clients[i], err = t.echoed(f, i); err != nil {
			return err
		}
	}
	if _, err := t.settled(f); err != nil {
		return err
	}
	// An even number: with an odd one, a forwarder that needs two for each client could always accept one more.
	for _, p := range f.processes() {
		if err := limitDescriptors(p, 6); err != nil {
			return err
		}
	}
	off := int64(8)
	use := func() error {
		for i, client := range clients {
			client.soon(promptly)
			if err := client.roundTrip(t.stream(i), off, 8); err != nil {
				return fmt.Errorf("live connection %d: %w", i+1, err)
			}
		}
		off += 8
		return nil
	}
	t.step("connecting more clients than there are descriptors for")
	var crowd []*peer
	for i := range 100 {
		client, err := t.dial(f)
		switch {
		case err == nil:
			crowd = append(crowd, client)
		case !errors.Is(err, errResetWhileDialing): // to turn somebody away is one way to cope
			return err
		}
		if i%10 == 9 {
			if err := use(); err != nil {
				return err
			}
		}
	}
	if err := t.pause(500 * time.Millisecond); err != nil { // a forwarder that forks needs its time for the crowd
		return err
	}
	t.step("using the live connections while there are no descriptors")
	if err := use(); err != nil {
		return err
	}
	if err := t.expectRest(f, t.rest(2*time.Second)); err != nil {
		return err
	}
	if err := use(); err != nil {
		return err
	}
	t.step("connecting again after the crowd has left")
	for _, client := range crowd {
		client.reset()
	}
	for i, client := range clients {
		if i >= live/2 {
			client.Close()
		}
	}
	clients = clients[:live/2]
	// The forwarder may not have noticed yet that they have left; until then it may turn others away.
	for limit := time.Now().Add(2 * promptly); ; {
		client, err := t.dial(f)
		if err == nil {
			client.soon(2 * promptly)
			err = client.roundTrip(t.stream(100), 0, 8)
		}
		if err == nil {
			return use()
		}
		if time.Now().After(limit) {
			return err
		}
		if err := t.pause(50 * time.Millisecond); err != nil {
			return err
		}
		if err := use(); err != nil {
			return err
		}
	}
}

// limitDescriptors lets a process open only so many descriptors more.
func limitDescriptors(p process, more int) error {
	open := p.descriptors()
	if len(open) == 0 {
		return nil // gone
	}
	// The limit is on the number that a new descriptor gets, and the lowest free one is taken: so the limit stands where that many
	// are free below it. Those above it, such as a pipe that a shell has left behind, stay open.
	top := 0
	for free := 0; free < more; top++ {
		if !slices.Contains(open, top) {
			free++
		}
	}
	limit := unix.Rlimit{Cur: uint64(top), Max: uint64(top)}
	err := unix.Prlimit(p.pid, unix.RLIMIT_NOFILE, &limit, nil)
	switch {
	case errors.Is(err, unix.ESRCH):
		return nil
	case errors.Is(err, unix.EPERM):
		return &inapplicable{"the tester may not limit the forwarder's processes, which run as another user"}
	}
	return err
}

func ipv6Destination(t *Trial) error {
	d, err := t.listenOn("::1", 0, 0)
	if err != nil {
		return err
	}
	d.echo()
	f, err := t.forward("::1", d.port)
	if err != nil {
		return err
	}
	return t.echoOnce(f, t.stream(0), 16<<10)
}

func ipv6Client(t *Trial) error {
	f, err := t.echoForwarder()
	if err != nil {
		return err
	}
	client, err := t.dialWith(f, dialing{host: "::1"})
	if err != nil {
		return err
	}
	s := t.stream(0)
	return t.together(
		func() error { return client.sendAll(s, 16<<10) },
		func() error { return client.expectAll(s, 16<<10) },
	)
}

func namedDestination(t *Trial) error {
	d, err := t.listen(0)
	if err != nil {
		return err
	}
	d.echo()
	f, err := t.forward("localhost", d.port)
	if err != nil {
		return err
	}
	return t.echoOnce(f, t.stream(0), 16<<10)
}

func urgent(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	for _, way := range []struct{ from, to *peer }{{client, server}, {server, client}} {
		if _, err := way.from.Write([]byte("before")); err != nil {
			return err
		}
		if err := way.from.sendUrgent('!'); err != nil {
			return err
		}
	}
	if err := t.expectRest(f, t.rest(time.Second)); err != nil {
		return err
	}
	for _, way := range []struct{ from, to *peer }{{client, server}, {server, client}} {
		if _, err := way.from.Write([]byte("after")); err != nil {
			return wrong("a connection that survives an urgent byte", "%s", describe(err))
		}
		if err := way.from.finish(); err != nil {
			return err
		}
	}
	for _, way := range []struct{ from, to *peer }{{client, server}, {server, client}} {
		var got []byte
		way.to.soon(promptly)
		buf := make([]byte, 64)
		for {
			n, err := way.to.Read(buf)
			got = append(got, buf[:n]...)
			if end, ok := endingOf(err); ok && end == endFIN {
				break
			}
			if err != nil {
				return wrong(fmt.Sprintf("the %s to receive \"beforeafter\", with or without the urgent byte between", way.to.name), "%s after %q", describe(err), got)
			}
		}
		if s := string(got); s != "beforeafter" && s != "before!after" {
			return wrong(fmt.Sprintf("the %s to receive \"beforeafter\", with or without the urgent byte between", way.to.name), "%q", got)
		}
	}
	return nil
}

// urgentBulk has urgent bytes that do not occur otherwise, so that the receiver can leave them out wherever they turn up.
func urgentBulk(t *Trial) error {
	f, d, err := t.forwardToListener()
	if err != nil {
		return err
	}
	client, server, err := t.pair(f, d)
	if err != nil {
		return err
	}
	const pieces, mark = 128, '!'
	ordinary := func(s stream, b []byte, off int64) {
		s.fill(b, off)
		for i := range b {
			b[i] |= 0x80
		}
	}
	send := func(p *peer, s stream) error {
		b := make([]byte, chunk)
		for i := range int64(pieces) {
			ordinary(s, b, i*chunk)
			if _, err := p.Write(b); err != nil {
				return wrong(fmt.Sprintf("the %s's bytes to be taken", p.name), "%s after %s", describe(err), size(i*chunk))
			}
			if err := p.sendUrgent(mark); err != nil && !errors.Is(err, unix.EAGAIN) { // no room for this one; there are others
				return wrong(fmt.Sprintf("the %s to be able to send an urgent byte", p.name), "%s", describe(err))
			}
		}
		return p.finish()
	}
	receive := func(p *peer, s stream) error {
		b, want := make([]byte, chunk), make([]byte, chunk)
		off := int64(0)
		for {
			n, err := p.Read(b)
			got := slices.DeleteFunc(b[:n], func(c byte) bool { return c == mark })
			ordinary(s, want[:len(got)], off)
			if !bytes.Equal(got, want[:len(got)]) {
				return wrong(fmt.Sprintf("the %s to receive the ordinary bytes unchanged", p.name), "something else between bytes %d and %d", off, off+int64(len(got)))
			}
			off += int64(len(got))
			if err == nil {
				continue
			}
			if end, ok := endingOf(err); !ok || end != endFIN || off != pieces*chunk {
				return wrong(fmt.Sprintf("the %s to receive %s of ordinary bytes and the %s", p.name, size(pieces*chunk), endFIN),
					"%s after %d bytes", describe(err), off)
			}
			return nil
		}
	}
	return t.together(
		func() error { return send(client, t.stream(0)) }, func() error { return receive(server, t.stream(0)) },
		func() error { return send(server, t.stream(1)) }, func() error { return receive(client, t.stream(1)) },
	)
}

// haveIPv6 reports whether the machine has an IPv6 loopback address.
func haveIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}
