package fault

import (
	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// Fail makes the actor with this PID panic with the reason, between two messages. It does not wait, and may be called from any goroutine.
// If there is no such actor, nothing happens: Proxy.Kill is the same with an error for that, and with an event beforehand.
func Fail(system *actor.ActorSystem, who, reason string) {
	system.Root.Send(actor.NewPID(system.Address(), who), &messages.Fail{Reason: reason})
}

// Stop stops the actor with this PID from outside, as nobody in the tree would. It does not wait, and may be called from any goroutine.
// If there is no such actor, nothing happens.
func Stop(system *actor.ActorSystem, who string) {
	system.Root.Stop(actor.NewPID(system.Address(), who))
}
