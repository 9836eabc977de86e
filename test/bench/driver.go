//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"tcpproxy/test/bench/internal/loadctl"
)

// commandLimit bounds one command of the load generator. The longest one,
// opening 8,000 sessions under strace, takes a few seconds.
const commandLimit = 60 * time.Second

// driver is a client process of the load generator.
type driver struct {
	process  *process
	commands *os.File
	replies  *os.File
	decoder  *json.Decoder
}

func startDriver(load string, port int) (*driver, error) {
	stdin, commands, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	replies, stdout, err := os.Pipe()
	if err != nil {
		commands.Close()
		return nil, err
	}
	defer stdout.Close()
	process, err := startProcess(stdin, stdout, load, "drive", fmt.Sprint(port))
	if err != nil {
		commands.Close()
		replies.Close()
		return nil, err
	}
	return &driver{process, commands, replies, json.NewDecoder(replies)}, nil
}

func (d *driver) stop() {
	d.process.stop()
	d.commands.Close()
	d.replies.Close()
}

// do has a command carried out and returns its reply. When ctx ends or the
// limit passes, the client process is killed: the driver is of no use after.
func (d *driver) do(ctx context.Context, command loadctl.Command) (loadctl.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	defer context.AfterFunc(ctx, d.process.stop)()

	var reply loadctl.Reply
	err := json.NewEncoder(d.commands).Encode(command)
	if err == nil {
		err = d.decoder.Decode(&reply)
	}
	if err == nil && reply.Error != "" {
		err = errors.New(reply.Error)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return reply, d.process.complaint(fmt.Errorf("%s: %w", command.Do, err))
	}
	return reply, nil
}
