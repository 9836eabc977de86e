// Command wireonly is a forwarder made of package wire alone: the same loop, sockets and flows as tcpproxy, and not one actor. It
// exists for test/bench, where the difference between the two is the price of supervision. It knows no timeouts, and any error
// resets both sides.
//
//	wireonly destination-host destination-port listen-port
package main

import (
	"fmt"
	"net/netip"
	"os"

	"tcpproxy/actors/internal/wire"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: wireonly destination-address destination-port listen-port")
		os.Exit(2)
	}
	if err := run(os.Args[1]+":"+os.Args[2], "[::]:"+os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "wireonly:", err)
		os.Exit(1)
	}
}

func run(destination, listen string) error {
	to, err := netip.ParseAddrPort(destination)
	if err != nil {
		return err
	}
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		return err
	}
	fds, err := wire.Bind(at, 1)
	if err != nil {
		return err
	}
	loop, err := wire.NewLoop(256)
	if err != nil {
		return err
	}
	d := &door{loop: loop, to: to}
	if err := d.socket.Open(loop, fds[0], d); err != nil {
		return err
	}
	loop.Run()
	return nil
}

// door lets clients in.
type door struct {
	loop   *wire.Loop
	socket wire.Socket
	to     netip.AddrPort
}

// Ready is told by the loop.
func (d *door) Ready(wire.Event) {
	for {
		fd, _, errno := d.socket.Accept()
		if errno != 0 {
			return
		}
		p := &pair{loop: d.loop}
		p.task.Bind(p)
		if p.socket[0].Open(d.loop, fd, (*clientEnd)(p)) != nil {
			continue
		}
		if p.socket[1].Dial(d.loop, d.to, (*serverEnd)(p)) != nil {
			p.socket[0].Reset()
		}
	}
}

// pair is a client and its connection to the destination. Flow i carries what socket i sends.
type pair struct {
	loop      *wire.Loop
	socket    [2]wire.Socket
	flow      [2]wire.Flow
	task      wire.Task
	posted    bool
	again     [2]bool // the flow is empty, and its source has more
	shut      [2]bool
	connected bool
}

type (
	clientEnd pair
	serverEnd pair
)

// Ready is told by the loop.
func (p *clientEnd) Ready(e wire.Event) { (*pair)(p).ready(0, e) }

// Ready is told by the loop.
func (p *serverEnd) Ready(e wire.Event) { (*pair)(p).ready(1, e) }

func (p *pair) ready(side int, e wire.Event) {
	if !p.connected {
		if side == 0 {
			return // whatever it has said is found when the destination has answered
		}
		if p.socket[1].ConnectError() != nil {
			p.end(true)
			return
		}
		p.connected = true
		p.fill(0)
	}
	if e&wire.Readable != 0 {
		p.fill(side)
	}
	if e&wire.Writable != 0 && p.flow[1-side].Held() {
		p.drain(1 - side)
	}
}

func (p *pair) fill(from int) {
	if !p.socket[from].IsOpen() {
		return
	}
	switch p.flow[from].Fill(&p.socket[from]) {
	case wire.FillDone:
		p.drain(from)
	case wire.FillEnd:
		p.flow[from].End()
		p.drain(from)
	case wire.FillFailed:
		p.end(true)
	}
}

func (p *pair) drain(from int) {
	if !p.socket[from].IsOpen() {
		return
	}
	switch did, _ := p.flow[from].Drain(&p.socket[1-from], nil); did {
	case wire.DrainWanted:
		p.again[from] = true
		if !p.posted {
			p.posted = true
			p.loop.Post(&p.task)
		}
	case wire.DrainEnd:
		p.finish(from)
	case wire.DrainFailed:
		p.end(true)
	}
}

// Run goes on with the flows that have more, after everyone else had a turn.
func (p *pair) Run() {
	p.posted = false
	for from := range p.again {
		if p.again[from] {
			p.again[from] = false
			p.fill(from)
		}
	}
}

// finish passes on the end of a stream.
func (p *pair) finish(from int) {
	if p.shut[from] {
		return
	}
	p.shut[from] = true
	if p.shut[1-from] {
		p.end(false)
		return
	}
	p.socket[1-from].ShutdownWrite()
}

func (p *pair) end(abnormal bool) {
	for i := range p.socket {
		if abnormal {
			p.socket[i].Reset()
		} else {
			p.socket[i].Close()
		}
		p.flow[i].Discard(p.loop)
	}
}
