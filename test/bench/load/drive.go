//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"tcpproxy/test/bench/internal/loadctl"
)

// drive obeys commands from standard input until it ends.
func drive(port int) error {
	poll, err := newPoller()
	if err != nil {
		return err
	}
	clients := &clients{
		dialer: dialer{to: unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}},
		poll:   poll,
	}
	commands, replies := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var command loadctl.Command
		if err := commands.Decode(&command); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("command: %w", err)
		}
		reply, err := clients.obey(command)
		if err != nil {
			reply.Error = err.Error()
		}
		if err := replies.Encode(reply); err != nil {
			return fmt.Errorf("reply: %w", err)
		}
	}
}

func (c *clients) obey(command loadctl.Command) (loadctl.Reply, error) {
	lasting := time.Duration(command.Millis) * time.Millisecond
	switch command.Do {
	case loadctl.Open:
		return loadctl.Reply{}, c.open(command.Count)
	case loadctl.RoundTrips:
		return c.roundTrips(command.Count, command.InTurn, lasting)
	case loadctl.Sessions:
		return c.sessions(command.Count, lasting)
	case loadctl.Bulk:
		return c.bulk(command)
	}
	return loadctl.Reply{}, fmt.Errorf("no such command: %q", command.Do)
}
