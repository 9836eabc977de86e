package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// bell is a doorbell as the mailbox keeps it: its number is a bit there. Inside the proxy a bell is rung by number.
type bell uint8

const (
	readable bell = iota
	writable
	filled
	drained
	revive
	review
	active
	arrived
	restartDue
	receiveTimeout
	bells // the number of bells
)

// bellMessages are the messages that the bells are delivered as. A mailbox that is run hands out those that have rung in this order.
var bellMessages = [bells]any{
	readable:       messages.Readable{},
	writable:       messages.Writable{},
	filled:         messages.Filled{},
	drained:        messages.Drained{},
	revive:         messages.Revive{},
	review:         messages.Review{},
	active:         messages.Active{},
	arrived:        messages.Arrived{},
	restartDue:     messages.RestartDue{},
	receiveTimeout: &actor.ReceiveTimeout{},
}

// bellOf finds the bell that a message is. That is for messages from outside: anybody may send a bell as a message.
func bellOf(message any) (bell, bool) {
	for b, m := range bellMessages {
		if message == m {
			return bell(b), true
		}
	}
	return 0, false
}
