package actors_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

// A program that forwards a port, looks at its sessions, has an actor of a live one fail, and shuts down.
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

	cfg := actors.DefaultConfig()
	cfg.Host, cfg.Port = "127.0.0.1", destination.Addr().(*net.TCPAddr).AddrPort().Port()
	cfg.ListenHost = "127.0.0.1" // and a port that the system chooses
	closed := make(chan messages.SessionClosed, 1)
	restarted := make(chan messages.ActorRestarted, 1)
	proxy, err := actors.Start(cfg, func(event any) {
		switch e := event.(type) { // on the goroutine that relays: pass it on and return
		case messages.ActorRestarted:
			restarted <- e
		case messages.SessionClosed:
			closed <- e
		}
	})
	if err != nil {
		panic(err)
	}

	client, err := net.Dial("tcp", proxy.Addr().String())
	if err != nil {
		panic(err)
	}
	say := func(text string) {
		answer := make([]byte, len(text))
		_, _ = io.WriteString(client, text)
		_, err := io.ReadFull(client, answer)
		fmt.Println(string(answer), err)
	}
	say("hello")

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	sessions, err := proxy.Sessions(ctx)
	fmt.Println(len(sessions), "session:", sessions[0].State, err)

	fmt.Println(proxy.Kill("listener/session-1/client-reader", actors.KillPanic, "the example"))
	fmt.Println((<-restarted).PID, "runs again")
	say("hello again")

	client.Close()
	fmt.Println("closed:", (<-closed).Cause)
	fmt.Println("shut down:", proxy.Shutdown(ctx))

	// Output:
	// hello <nil>
	// 1 session: relaying <nil>
	// <nil>
	// listener/session-1/client-reader runs again
	// hello again <nil>
	// closed: finished
	// shut down: <nil>
}
