package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// urgentData is the part of phase 6 about bytes that are not in their stream as others are.
func urgentData() []Case {
	const p = 6
	return []Case{
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
			Why: "at the urgent mark the kernel stops a read, and also a splice(2), which may return 0 there: a forwarder that takes that " +
				"for the end cuts the stream",
			Source: "tcp(7) on the urgent mark", Limit: 30 * time.Second, run: urgentBulk,
		},
	}
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
		expected := fmt.Sprintf("the %s to receive \"beforeafter\", with or without the urgent byte between", way.to.name)
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
				return wrong(expected, "%s after %q", describe(err), got)
			}
		}
		if s := string(got); s != "beforeafter" && s != "before!after" {
			return wrong(expected, "%q", got)
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
				return wrong(fmt.Sprintf("the %s to receive the ordinary bytes unchanged", p.name),
					"something else between bytes %d and %d", off, off+int64(len(got)))
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
