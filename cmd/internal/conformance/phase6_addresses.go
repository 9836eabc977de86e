package conformance

import (
	"net"
	"time"
)

// addresses is the part of phase 6 about IPv6, and about names instead of addresses.
func addresses() []Case {
	const p = 6
	return []Case{
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
	}
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
	// Not a port that the system chooses for one address: at the other ones of localhost, that may be somebody else's.
	port, err := t.portPool.free()
	if err != nil {
		return err
	}
	d, err := t.listenOn(loopback, port, 0)
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

// haveIPv6 reports whether the machine has an IPv6 loopback address.
func haveIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}
