package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tcpproxy/messages"
)

const (
	// beat is how long a follower hears nothing at most.
	beat = 10 * time.Second
	// followRest is how long one rests before he is told of more: to write each event by itself costs many times as much.
	followRest = 20 * time.Millisecond
	// followSome is how many events he is told of at a time.
	followSome = 256
	// followWithin is how long he may take to read them before he loses his place to somebody who does.
	followWithin = 10 * time.Second
)

// followersFor is how many of the places for requests may be followers': they stay, and others want to be answered, too.
func followersFor(callers, requests int) int { return min(callers/2, requests-1) }

// follow tells a caller of events as they happen, until he goes. See the description of the API for the form.
func (a *api) follow(w http.ResponseWriter, r *http.Request) {
	f, after, err := followerOf(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // said to proxies of HTTP in between
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	missed := a.hub.join(f, after)
	defer f.leave()
	s := stream{follower: f, to: w, control: http.NewResponseController(w), pacer: &a.pacer, gone: r.Context().Done()}
	_ = s.control.SetReadDeadline(time.Time{}) // he has said what he wanted; all the server reads for is to see him go
	begin := fmt.Appendf(nil, "retry: 1000\nid: %s\n\n", f.seen())
	if missed != 0 {
		begin = fmt.Appendf(begin, "event: missed\ndata: {\"missed\":%d}\n\n", missed)
	}
	if s.write(begin) == nil {
		s.run()
	}
}

// stream is what a follower is told, and how.
type stream struct {
	*follower
	to      io.Writer
	control *http.ResponseController
	pacer   *pacer
	gone    <-chan struct{} // closed when he is, or the API
}

// run returns when the follower is gone, or does not read.
func (s *stream) run() {
	quiet := time.NewTimer(beat)
	defer quiet.Stop()
	for {
		told, err := s.tell()
		if err != nil {
			return
		}
		again := s.wake
		var rested <-chan time.Time
		if told {
			quiet.Reset(beat)
			again, rested = nil, time.After(followRest)
		}
		select {
		case <-again:
		case <-rested:
		case <-quiet.C:
			quiet.Reset(beat)
			err = s.heartbeat()
		case <-s.gone:
			return
		}
		if err != nil {
			return
		}
	}
}

// tell writes the next events; told is false if there were none.
func (s *stream) tell() (told bool, err error) {
	batch, lost := s.take(followSome)
	if len(batch) == 0 && lost == 0 {
		return false, nil
	}
	var text []byte
	if lost > 0 {
		text = fmt.Appendf(text, "event: dropped\ndata: {\"dropped\":%d}\n\n", lost)
	}
	for _, it := range batch {
		text = append(text, it.text(s.hub)...)
	}
	return true, s.write(text)
}

// heartbeat shows that the connection lives. Whoever does not want all events also learns how far he has got: should he come back, those
// he did not want are not among what he has missed.
func (s *stream) heartbeat() error {
	text := ": nothing new\n\n"
	if s.kinds != nil || s.session != 0 {
		if told, err := s.tell(); told || err != nil { // so that he has got as far as the hub
			return err
		}
		text = "id: " + s.seen() + "\n" + text
	}
	return s.write([]byte(text))
}

func (s *stream) write(text []byte) error {
	for len(text) > 0 {
		n := min(len(text), paceChunk)
		select {
		case <-time.After(s.pacer.reserve(n)):
		case <-s.gone:
			return context.Canceled
		}
		_ = s.control.SetWriteDeadline(time.Now().Add(s.hub.within))
		if _, err := s.to.Write(text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	return s.control.Flush()
}

// followerOf is what a request asks to follow, and the id of the event that he has seen last: a browser that comes back says it in a
// header, and its address is still that of the first time.
func followerOf(r *http.Request) (f *follower, after string, err error) {
	query, err := queryOf(r, "kinds", "session", "after")
	if err != nil {
		return nil, "", err
	}
	f = &follower{}
	if text, there := query["kinds"]; there {
		f.kinds = map[string]bool{}
		all := messages.EventNames()
		for _, kind := range strings.Split(text, ",") {
			if _, known := all[kind]; !known {
				known := strings.Join(slices.Sorted(maps.Keys(all)), ", ")
				return nil, "", fmt.Errorf("kinds has %q, but it takes names with commas between: %s", kind, known)
			}
			f.kinds[kind] = true
		}
	}
	if text, there := query["session"]; there {
		if f.session, err = strconv.ParseUint(text, 10, 64); err != nil || f.session == 0 {
			return nil, "", fmt.Errorf("session is %q, but it takes the number of a session, from 1", text)
		}
	}
	if after = r.Header.Get("Last-Event-ID"); after != "" {
		return f, after, nil
	}
	if text, there := query["after"]; there {
		if _, err := strconv.ParseUint(text[strings.LastIndexByte(text, '-')+1:], 10, 64); err != nil {
			return nil, "", fmt.Errorf("after is %q, but it takes the id of an event, or 0 for all that are held", text)
		}
	}
	return f, query["after"], nil
}

// queryOf returns those parameters of a request that have these names. One that is there twice, or cannot be read, is an error.
func queryOf(r *http.Request, names ...string) (map[string]string, error) {
	all, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errors.New("the query cannot be read: " + err.Error())
	}
	query := map[string]string{}
	for _, name := range names {
		switch given := all[name]; {
		case len(given) > 1:
			return nil, fmt.Errorf("%s is given %d times", name, len(given))
		case len(given) == 1:
			query[name] = given[0]
		}
	}
	return query, nil
}
