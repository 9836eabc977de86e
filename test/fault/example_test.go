package fault_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"

	"tcpproxy/actors"
	"tcpproxy/messages"
	"tcpproxy/test/fault"
)

// A complete test: it kills the reader of the client's socket when it has read bytes that nobody knows of yet, and shows that the
// connection does not notice.
func Example() {
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

	// The plan, and a proxy that it is plugged into. Events come from the goroutine that relays: pass them on and return.
	plan := fault.NewPlan(fault.At(actors.PointAfterRead, "listener/session-*/client-reader"))
	restarted := make(chan messages.ActorRestarted, 1)
	proxy, err := actors.Start(actors.Config{
		Host: "127.0.0.1", Port: destination.Addr().(*net.TCPAddr).AddrPort().Port(), ListenHost: "127.0.0.1",
		Fault: plan.Strike,
	}, func(event any) {
		if e, ok := event.(messages.ActorRestarted); ok {
			restarted <- e
		}
	})
	if err != nil {
		panic(err)
	}

	// The traffic.
	client, err := net.Dial("tcp", proxy.Addr().String())
	if err != nil {
		panic(err)
	}
	sent := []byte(strings.Repeat("not a byte is lost or repeated ", 1000))
	go func() {
		_, _ = client.Write(sent)
		_ = client.(*net.TCPConn).CloseWrite()
	}()
	received, err := io.ReadAll(client)
	client.Close()

	fmt.Println("killed:", plan.Kills())
	fmt.Println("restarted:", (<-restarted).PID)
	fmt.Println("all bytes came back:", bytes.Equal(received, sent), err)

	proxy.Stop()
	<-proxy.Done()

	// Output:
	// killed: [injected at after-read of listener/session-1/client-reader, visit 1]
	// restarted: listener/session-1/client-reader
	// all bytes came back: true <nil>
}
