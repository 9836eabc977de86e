// Command iocopy is the forwarder that everybody writes first: two io.Copy for each connection. It is a peer in the comparison,
// for what the least effort gives.
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
	l, err := net.Listen("tcp", ":"+os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "iocopy:", err)
		os.Exit(1)
	}
	for {
		client, err := l.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "iocopy:", err)
			os.Exit(1)
		}
		go forward(client.(*net.TCPConn), net.JoinHostPort(os.Args[1], os.Args[2]))
	}
}

func forward(client *net.TCPConn, destination string) {
	defer client.Close()
	conn, err := net.Dial("tcp", destination)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(client, server)
	_ = client.CloseWrite()
	<-done
}
