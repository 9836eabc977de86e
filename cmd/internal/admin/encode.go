package admin

import (
	"encoding/json"
	"net/http"
	"time"

	"tcpproxy/messages"
)

const (
	// encodeFor is how long encoding may go on without a rest, and encodeRest that rest. Five thousand sessions take some 40 ms to encode;
	// in one go, that is 40 ms in which a session may have to wait for a processor.
	encodeFor  = 100 * time.Microsecond
	encodeRest = time.Millisecond
)

// encoder makes JSON of a large answer, in pieces.
type encoder struct {
	text   []byte
	since  time.Time // of the last rest
	closed <-chan struct{}
	err    error
}

// encode makes a line of JSON of an answer. It gives up when the API is closed.
func encode(what any, closed <-chan struct{}) ([]byte, error) {
	e := encoder{since: time.Now(), closed: closed}
	switch what := what.(type) {
	case messages.Sessions:
		e.text = append(e.text, '[')
		for i := range what {
			e.separate(i)
			e.piece(&what[i])
		}
		e.text = append(e.text, ']')
	case messages.Node:
		e.node(&what)
	default:
		e.piece(what)
	}
	return append(e.text, '\n'), e.err
}

// node encodes the children one by one, down to those that have none.
func (e *encoder) node(n *messages.Node) {
	alone := *n
	alone.Children = []messages.Node{}
	e.piece(&alone)
	if e.err != nil || len(n.Children) == 0 {
		return
	}
	e.text = e.text[:len(e.text)-len("]}")] // the children are the last field
	for i := range n.Children {
		e.separate(i)
		e.node(&n.Children[i])
	}
	e.text = append(e.text, "]}"...)
}

func (e *encoder) separate(i int) {
	if i > 0 {
		e.text = append(e.text, ',')
	}
}

func (e *encoder) piece(what any) {
	if e.err != nil {
		return
	}
	if time.Since(e.since) > encodeFor {
		select {
		case <-e.closed:
			e.err = http.ErrServerClosed
			return
		case <-time.After(encodeRest):
		}
		e.since = time.Now()
	}
	text, err := json.Marshal(what)
	e.err = err
	e.text = append(e.text, text...)
}
