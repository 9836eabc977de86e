package top

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

const (
	// kinds are the events that are shown: what fails, what is done about it, and what stops clients from being let in.
	kinds = "actor-failed,actor-killed,actor-restarted,actor-stopped,supervision-changed,process-restarted," +
		"accept-paused,accept-resumed,listener-opened,listener-draining,listener-closed"
	// beginning is an id that is none of the proxy's, so that what it still has is replayed from there.
	beginning = "0-0"
	// feedAgain is how long to wait before asking for events again, feedMissing if the proxy has none to offer.
	feedAgain   = time.Second
	feedMissing = 10 * time.Second
	// feedSilence is how long the stream may be silent; there is a heartbeat every ten seconds.
	feedSilence = 35 * time.Second
)

// event is one of the proxy's, or a note on those that did not come.
type event struct {
	at     time.Time
	name   string
	fields map[string]any
}

// offered tells whether the proxy offers its events at all.
type offered bool

// follow sends the proxy's events, and whether there are any to be had, until ctx ends.
func (c *client) follow(ctx context.Context, send func(tea.Msg)) {
	last := beginning
	for ctx.Err() == nil {
		wait := feedAgain
		err := c.stream(ctx, &last, send)
		var r refused
		switch {
		case missing(err):
			send(offered(false))
			wait = feedMissing
		case errors.As(err, &r) && r.status == http.StatusBadRequest && last != "":
			last, wait = "", 0 // it does not take this id: begin with what comes
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// stream reads one connection's events. last is the id of the last one, or where to begin.
func (c *client) stream(ctx context.Context, last *string, send func(tea.Msg)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(feedSilence, cancel)
	defer silence.Stop()
	r, err := c.request(ctx, "GET", "/api/events?kinds="+kinds, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	if *last != "" {
		r.Header.Set("Last-Event-ID", *last)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return c.refusal(answer.StatusCode, text)
	}
	send(offered(true))
	return readEvents(answer.Body, func(id, name, data string) {
		silence.Reset(feedSilence)
		if name == "" {
			return
		}
		first := *last == beginning
		if id != "" {
			*last = id
		}
		e := decodeEvent(name, data)
		if name == "missed" && first {
			return // nobody has missed what was before he came
		}
		send(e)
	})
}

// readEvents reads server-sent events. A comment is an event without a name.
func readEvents(from io.Reader, take func(id, name, data string)) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	var id, name string
	var data []string
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			if data != nil {
				take(id, name, strings.Join(data, "\n"))
			}
			id, name, data = "", "", nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "":
			take("", "", "")
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = append(data, value)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}

func decodeEvent(name, data string) event {
	e := event{at: time.Now(), name: name}
	_ = json.Unmarshal([]byte(data), &e.fields)
	if text, ok := e.fields["time"].(string); ok {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			e.at = at.Local()
		}
	}
	return e
}

// text is an event in a line.
func (e event) text() string {
	get := func(key string) string {
		if v, ok := e.fields[key]; ok {
			return fmt.Sprint(v)
		}
		return ""
	}
	number := func(key string) float64 { n, _ := e.fields[key].(float64); return n }
	switch e.name {
	case "actor-killed":
		return fmt.Sprintf("%s killed (%s, by %s)", brief(get("pid")), get("mode"), get("by"))
	case "actor-failed":
		return fmt.Sprintf("%s failed: %s; %s decides: %s", brief(get("pid")), get("reason"), get("strategy"), get("directive"))
	case "actor-restarted":
		text := fmt.Sprintf("%s restarted (%s in all)", brief(get("pid")), get("restarts"))
		if after := number("after_s"); after > 0 {
			text += ", after " + seconds(after)
		}
		return text
	case "actor-stopped":
		return fmt.Sprintf("%s stopped: %s", brief(get("pid")), get("reason"))
	case "supervision-changed":
		return fmt.Sprintf("%s supervises from now on, and not %s", get("strategy"), get("was"))
	case "process-restarted":
		return fmt.Sprintf("process %s goes on with %s sessions (%s), after %s",
			get("generation"), get("sessions"), get("reason"), seconds(number("after_s")))
	case "accept-paused":
		return fmt.Sprintf("%s lets nobody in: %s", get("listener"), get("reason"))
	case "accept-resumed":
		return fmt.Sprintf("%s lets clients in again", get("listener"))
	case "missed", "dropped":
		if n := number(e.name); n > 0 {
			return fmt.Sprintf("%.0f events were missed", n)
		}
		return "events were missed, nobody knows how many"
	case "seen":
		return get("text")
	}
	return strings.TrimSpace(get("listener") + " " + strings.ReplaceAll(e.name, "-", " "))
}
