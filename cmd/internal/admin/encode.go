package admin

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
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

// told is an answer as JSON, and where in it each session is.
type told struct {
	text     []byte // ends in a newline
	sessions []place
	tag      string // of the whole
}

// place is where a session is in an answer: its entry in the list, or its actor, with all below, in the tree.
type place struct {
	from, to int    // in the text
	print    uint64 // of what it says, without the times that go on by themselves; see etag
	id       uint64
	entry    *messages.Session // one of these two
	node     *messages.Node
}

// encoder makes JSON of a large answer, in pieces.
type encoder struct {
	told
	since  time.Time // of the last rest
	closed <-chan struct{}
	err    error
}

// encode makes a line of JSON of an answer. It gives up when the API is closed.
func encode(what any, closed <-chan struct{}) (told, error) {
	e := encoder{since: time.Now(), closed: closed}
	switch what := what.(type) {
	case messages.Sessions:
		e.text = append(e.text, '[')
		for i := range what {
			e.separate(i)
			from := len(e.text)
			e.piece(&what[i])
			e.note(place{from: from, id: what[i].ID, entry: &what[i]})
		}
		e.text = append(e.text, ']')
	case messages.Node:
		e.node(&what)
	default:
		e.piece(what)
	}
	e.text = append(e.text, '\n')
	e.tag = e.etag(e.all(), len(e.sessions))
	return e.told, e.err
}

// seed makes the prints of this process differ from those of all others.
var seed = maphash.MakeSeed()

// note keeps the place of what has just been written.
func (e *encoder) note(p place) {
	p.to = len(e.text)
	text := e.text[p.from:]
	if ages := bytes.LastIndex(text, []byte(`,"age_s":`)); p.entry != nil && ages >= 0 { // the last fields
		text = text[:ages]
	}
	p.print = maphash.Bytes(seed, text)
	e.sessions = append(e.sessions, p)
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
		from, child := len(e.text), &n.Children[i]
		e.node(child)
		if child.Kind == "session" {
			e.note(place{from: from, id: sessionIn(child.PID), node: child})
		}
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
