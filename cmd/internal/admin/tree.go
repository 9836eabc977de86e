package admin

import (
	"fmt"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// tree is the way from HTTP to the actors: requests with a time limit to the listener, and commands to single actors.
type tree struct {
	system   *actor.ActorSystem
	listener *actor.PID
	patience time.Duration
}

// ask sends a request to the listener and waits for a reply of type T.
func ask[T any](t *tree, request any) (T, error) {
	var none T
	reply, err := t.system.Root.RequestFuture(t.listener, request, t.patience).Result()
	if err != nil {
		return none, fmt.Errorf("the listener does not answer: %w", err)
	}
	typed, ok := reply.(T)
	if !ok {
		return none, fmt.Errorf("the listener answered with a %T", reply)
	}
	return typed, nil
}

// alive tells whether the listener exists. It asks the registry, since describing thousands of sessions is too much for a probe
// that comes every second.
func (t *tree) alive() bool {
	_, ok := t.system.ProcessRegistry.GetLocal(t.listener.Id)
	return ok
}

// find returns the address of an actor of the proxy. What else lives in the actor system, such as the event stream and the
// library's guardians, is not found: to stop it would break the program, which is more than a fault.
func (t *tree) find(pid string) (*actor.PID, bool) {
	if pid != t.listener.Id && !strings.HasPrefix(pid, t.listener.Id+"/") {
		return nil, false
	}
	if _, ok := t.system.ProcessRegistry.GetLocal(pid); !ok {
		return nil, false
	}
	return t.system.NewLocalPID(pid), true
}

// fail makes an actor panic between two messages.
func (t *tree) fail(pid *actor.PID) {
	t.system.Root.Send(pid, &messages.Fail{Reason: "asked for through the admin API"})
}

// stop stops an actor from outside, behind its supervisor's back.
func (t *tree) stop(pid *actor.PID) { t.system.Root.Stop(pid) }
