package actors

import (
	"strconv"
	"testing"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// BenchmarkSpawnAndStop is the birth and death of a session and its four children, without any system call: the sockets are closed ones.
// It is what supervision costs a connection that lives only for a moment.
func BenchmarkSpawnAndStop(b *testing.B) {
	var next wire.Task
	closed, all := 0, make(chan struct{})
	p, err := Start(Config{Host: "127.0.0.1", Port: 1, ListenHost: "127.0.0.1", Loops: 1}, func(event any) {
		switch event.(type) {
		case messages.SessionClosed: // on the loop's goroutine, as next is
			if closed++; closed == b.N {
				close(all)
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	lane := p.hub.lanes[0]
	spawned := 0
	next.Bind(runner(func() {
		spawned++
		c := &connection{id: uint64(spawned), lane: lane, fd: -1}
		c.become(relaying)
		lane.arriving = c
		pid, err := p.hub.system.Root.SpawnNamed(lane.session, "session-"+strconv.Itoa(spawned))
		if err != nil {
			b.Error(err)
		}
		p.hub.send(pid, &messages.End{Cause: messages.CauseFinished})
		if spawned < b.N {
			lane.loop.Post(&next)
		}
	}))
	b.ReportAllocs()
	b.ResetTimer()
	lane.loop.Post(&next)
	<-all
	b.StopTimer()
	p.Stop()
	<-p.Done()
}
