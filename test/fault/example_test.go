package fault_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"tcpproxy/actors"
	"tcpproxy/test/fault"
)

// A complete test: it kills the reader of the client's socket when it has read bytes that nobody knows of yet, and shows that the
// connection does not notice. (A test would call t.Fatal where this panics.)
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // for all waits: nothing should ever take so long
	defer cancel()

	// The destination sends back what it gets.
	destination, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer destination.Close()
	go func() {
		conn, err := destination.Accept()
		if err == nil {
			_, _ = io.Copy(conn, conn)
			conn.Close()
		}
	}()

	// The plan and the watch, and a proxy that they are plugged into.
	const victim = "listener/session-1/client-reader"
	plan := fault.NewPlan(fault.At(actors.PointAfterRead, victim))
	watch := fault.NewWatch()
	proxy, err := actors.Start(actors.Config{
		Host: "127.0.0.1", Port: destination.Addr().(*net.TCPAddr).AddrPort().Port(), ListenHost: "127.0.0.1",
		Loops: 1, Fault: plan.Strike,
	}, watch.Observe)
	if err != nil {
		panic(err)
	}

	// The traffic: a stream goes out, and must come back as it was, with its end.
	client, err := net.Dial("tcp", proxy.Addr().String())
	if err != nil {
		panic(err)
	}
	const bytes = 100_000
	sent := make(chan error, 1)
	go func() {
		err := fault.NewStream(1).Send(client, bytes)
		_ = client.(*net.TCPConn).CloseWrite()
		sent <- err
	}()
	back := fault.NewStream(1)
	received := back.Expect(client, bytes)
	fmt.Println("the client saw:", fault.Verdict(<-sent, received, back.ExpectEnd(client)))
	client.Close()

	// What became of it.
	fmt.Println("killed:", plan.Kills())
	outcome, err := watch.Outcome(ctx, victim)
	fmt.Println("the reader:", outcome.Strategy, "says", outcome.Directive, "→", outcome.Fate, "with", len(outcome.With), "others", err)
	closed, err := watch.Gone(ctx, "listener/session-1")
	fmt.Println("the session:", closed.Cause, closed.BytesClientToServer, closed.BytesServerToClient, err)
	fmt.Println("quiet:", watch.Quiet(ctx, proxy) == nil)

	proxy.Stop()
	<-proxy.Done()

	// Output:
	// the client saw: intact
	// killed: [injected at after-read of listener/session-1/client-reader, visit 1]
	// the reader: one-for-one says restart → restarted with 0 others <nil>
	// the session: finished 100000 100000 <nil>
	// quiet: true
}

// Two ways to die need no plan, since they come between two messages; and what each strategy makes of them can be asked.
func ExampleWatch_Outcome() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	destination, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer destination.Close()
	watch := fault.NewWatch()
	proxy, err := actors.Start(actors.Config{
		Host: "127.0.0.1", Port: destination.Addr().(*net.TCPAddr).AddrPort().Port(), ListenHost: "127.0.0.1",
		Loops: 1, Supervision: "rest-for-one",
	}, watch.Observe)
	if err != nil {
		panic(err)
	}
	client, err := net.Dial("tcp", proxy.Addr().String())
	if err != nil {
		panic(err)
	}
	defer client.Close()
	if _, err := watch.Opened(ctx, "listener/session-1"); err != nil {
		panic(err)
	}

	fault.Fail(proxy.System(), "listener/session-1/server-reader", "an example")
	if err := watch.Quiet(ctx, proxy); err != nil {
		panic(err)
	}
	for _, outcome := range watch.Outcomes() {
		fmt.Println(outcome.PID, outcome.Reason, outcome.Fate, outcome.With)
	}

	proxy.Stop()
	<-proxy.Done()

	// Output:
	// listener/session-1/server-reader an example restarted [listener/session-1/client-writer]
}
