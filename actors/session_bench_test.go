package actors

import (
	"testing"

	"tcpproxy/actors/internal/wire"
	"tcpproxy/messages"
)

// BenchmarkSpawnAndStop is the birth and death of a session and its four children, without any system call: the sockets are closed ones.
// It is what supervision costs a connection that lives only for a moment.
func BenchmarkSpawnAndStop(b *testing.B) {
	closed, all := 0, make(chan struct{})
	var e *endpoint
	p, err := Start(Config{Host: "127.0.0.1", Port: 1, ListenHost: "127.0.0.1", Loops: 1}, func(event any) {
		switch event := event.(type) {
		case messages.SessionClosed: // on the loop's goroutine, as next is
			e.remove(e.connections[event.ID]) // they have no listener to do it
			if closed++; closed == b.N {
				close(all)
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	e = p.shared.endpoints[0]
	var next wire.Task
	spawned := 0
	next.Bind(runner(func() {
		spawned++
		c := e.add(arrival{fd: -1})
		c.state = relaying
		if err := e.spawnSession(e.system.Root, c); err != nil {
			b.Error(err)
		}
		e.system.Root.Send(c.session.pid, &messages.End{Cause: messages.CauseFinished})
		if spawned < b.N {
			e.lane.loop.Post(&next)
		}
	}))
	b.ReportAllocs()
	b.ResetTimer()
	e.lane.loop.Post(&next)
	<-all
	b.StopTimer()
	p.Stop()
	<-p.Done()
}
