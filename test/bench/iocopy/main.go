// Command iocopy is the plainest TCP proxy one can write in Go: two goroutines
// and two io.Copy per connection. It is the yardstick for what the language's
// own library gives for nothing.
//
//	iocopy destination-host destination-port listen-port
package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: iocopy destination-host destination-port listen-port")
		os.Exit(2)
	}
	err := run(net.JoinHostPort(os.Args[1], os.Args[2]), ":"+os.Args[3])
	fmt.Fprintln(os.Stderr, "iocopy:", err)
	os.Exit(1)
}

// run forwards until it cannot accept any more.
func run(destination, listen string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go relay(client.(*net.TCPConn), destination)
	}
}

// relay owns both connections and closes them when both directions have ended.
func relay(client *net.TCPConn, destination string) {
	defer client.Close()
	dialled, err := net.Dial("tcp", destination)
	if err != nil {
		return
	}
	server := dialled.(*net.TCPConn)
	defer server.Close()

	upstream := make(chan struct{})
	go func() {
		defer close(upstream)
		copyHalf(server, client)
	}()
	copyHalf(client, server)
	<-upstream
}

// copyHalf forwards one direction to its end and passes the end on. Whatever
// went wrong, the other direction finds out by itself.
func copyHalf(to, from *net.TCPConn) {
	_, _ = io.Copy(to, from)
	_ = to.CloseWrite()
}
