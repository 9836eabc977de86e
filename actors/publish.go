package actors

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// publish tells everyone who has subscribed. Whoever did so through Proxy.Subscribe may panic without harm to anybody. One who subscribed
// to the event stream itself, behind the proxy's back, does none to the actors, but those after it miss the event. It is a function with a
// type parameter, and no method, so that an event that nobody hears is not put on the heap.
func publish[E any](e *endpoint, event E) {
	if e.system.EventStream.Length() > e.deaf {
		e.tell(event)
	}
}

func (e *endpoint) tell(event any) {
	defer e.survive(event)
	e.system.EventStream.Publish(event)
}

// subscribe has a function called with every event of this endpoint.
func (e *endpoint) subscribe(onEvent func(event any)) (unsubscribe func()) {
	subscription := e.system.EventStream.Subscribe(func(event any) {
		defer e.survive(event)
		onEvent(event)
	})
	return func() { e.system.EventStream.Unsubscribe(subscription) }
}

// survive is deferred where a subscriber is called: it logs a panic, and ends it.
func (e *endpoint) survive(event any) {
	if reason := recover(); reason != nil {
		e.log.Error("a subscriber to the proxy's events panicked", "event", fmt.Sprintf("%T", event), "reason", describe(reason))
	}
}

// stoppedFor says that a session is stopped in answer to a failure.
func (e *endpoint) stoppedFor(session *child, why error) {
	publish(e, messages.ActorStopped{PID: session.pid.Id, Reason: why.Error()})
}

// guard runs a step of an actor's lifecycle in which a panic would wedge its parent for ever: the library expects Restarting,
// Stopping and Stopped to return. A panic is published as a failure and otherwise ignored: the actor is on its way out in any case.
func (e *endpoint) guard(at Point, who *actor.PID, step func()) {
	if e.cfg.Fault != nil {
		e.recovered(at, who, func() { e.fault(at, who) })
	}
	if step != nil {
		e.recovered(at, who, step) // even if the seam has panicked
	}
}

func (e *endpoint) recovered(at Point, who *actor.PID, step func()) {
	defer func() {
		if reason := recover(); reason != nil {
			publish(e, messages.ActorFailed{
				PID: who.GetId(), Reason: describe(reason), Point: e.takePoint(), Strategy: "guarded", Directive: at.String(),
			})
		}
	}()
	step()
}
