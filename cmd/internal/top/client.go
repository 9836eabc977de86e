package top

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tcpproxy/messages"
)

const (
	// patience is how long an answer may take.
	patience = 5 * time.Second
	// most is how many sessions are asked for: more than anybody scrolls through. A search reaches the others.
	most = 2000
	// largest bounds an answer, in bytes.
	largest = 64 << 20
)

// client asks the admin API.
type client struct {
	addr, token string
	http        http.Client
}

func newClient(config Config) (*client, error) {
	c := &client{addr: config.Addr}
	if config.TokenFile != "" {
		text, err := os.ReadFile(config.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("token file: %w", err)
		}
		if c.token = strings.TrimSpace(string(text)); c.token == "" {
			return nil, fmt.Errorf("token file: %s: it is empty", config.TokenFile)
		}
	}
	// Not those of the environment: a proxy for HTTP would have the token, and could not reach a loopback address anyway.
	c.http.Transport = &http.Transport{DialContext: (&net.Dialer{Timeout: patience}).DialContext, MaxIdleConnsPerHost: 2}
	return c, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// refused is an answer other than that one is welcome.
type refused struct {
	status int
	reason string
}

// Error is the API's reason.
func (r refused) Error() string { return r.reason }

// missing reports whether the API has no such thing.
func missing(err error) bool {
	var r refused
	return errors.As(err, &r) && (r.status == http.StatusNotFound || r.status == http.StatusMethodNotAllowed)
}

func (c *client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var text io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		text = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.addr+path, text)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	return r, nil
}

// ask sends a request and reads the answer into a variable, if that is not nil.
func (c *client) ask(ctx context.Context, method, path string, body, into any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.explain(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, largest))
	if err != nil {
		return nil, c.explain(err)
	}
	if err := c.refusal(answer.StatusCode, text); err != nil {
		return nil, err
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			return nil, fmt.Errorf("%s does not answer as the admin API of tcpproxy does: %w", c.addr, err)
		}
	}
	return answer.Header, nil
}

// refusal is the error of an answer that is none.
func (c *client) refusal(status int, text []byte) error {
	if status < 300 {
		return nil
	}
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &said) != nil || said.Error == "" {
		said.Error = http.StatusText(status)
	}
	if status == http.StatusUnauthorized {
		said.Error = "the API at " + c.addr + " wants a token: name its file with --admin-token-file"
	}
	return refused{status, said.Error}
}

// explain says what can be done about the usual mistakes.
func (c *client) explain(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens on %s: --admin takes the address that the proxy's own --admin has", c.addr)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer from %s within %v", c.addr, patience)
	}
	return fmt.Errorf("%s: %w", c.addr, err)
}

// strategy is one of those that a proxy can supervise by.
type strategy struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

// stats is the part of GET /api/stats that is shown.
type stats struct {
	Sessions            int        `json:"sessions"`
	MaxSessions         int        `json:"max_sessions"`
	BytesClientToServer uint64     `json:"bytes_client_to_server"`
	BytesServerToClient uint64     `json:"bytes_server_to_client"`
	Supervision         string     `json:"supervision"`
	Strategies          []strategy `json:"strategies"`
	Faults              bool       `json:"faults"`
}

// look is what was seen in one look at the proxy.
type look struct {
	at         time.Time
	took       time.Duration
	tree       messages.Node
	sessions   messages.Sessions
	total      int    // sessions, of which some may have been left out
	stats      *stats // nil if the proxy does not tell
	generation uint64 // of the process; 0 if the proxy does not tell
	err        error
}

// look asks all there is. q restricts it to what has this text; see GET /api/sessions.
func (c *client) look(ctx context.Context, q string) (l look) {
	l.at = time.Now()
	defer func() { l.took = time.Since(l.at) }()
	query := "?limit=" + strconv.Itoa(most)
	if q != "" {
		query += "&q=" + url.QueryEscape(q)
	}
	if _, l.err = c.ask(ctx, "GET", "/api/tree"+query, nil, &l.tree); l.err != nil {
		return l
	}
	header, err := c.ask(ctx, "GET", "/api/sessions"+query, nil, &l.sessions)
	if l.err = err; err != nil {
		return l
	}
	l.total = len(l.sessions)
	if n, err := strconv.Atoi(header.Get("X-Total-Count")); err == nil {
		l.total = n
	}
	var s stats
	if _, err := c.ask(ctx, "GET", "/api/stats", nil, &s); err == nil {
		l.stats = &s
	} else if !missing(err) {
		l.err = err
		return l
	}
	var process struct {
		Generation uint64 `json:"generation"`
	}
	if _, err := c.ask(ctx, "GET", "/api/process", nil, &process); err == nil {
		l.generation = process.Generation
	}
	return l
}

// kill makes an actor fail, and says what became of it.
func (c *client) kill(ctx context.Context, pid, mode string) (string, error) {
	var o struct {
		Outcome      string  `json:"outcome"`
		By           string  `json:"by"`
		Incarnation  int     `json:"incarnation"`
		AfterSeconds float64 `json:"after_s"`
		Cause        string  `json:"cause"`
	}
	fault := struct {
		PID  string `json:"pid"`
		Mode string `json:"mode"`
	}{pid, mode}
	if _, err := c.ask(ctx, "POST", "/api/faults?wait=2s", fault, &o); err != nil {
		return "", err
	}
	text := mode + " of " + brief(pid) + ": " + o.Outcome
	if o.Cause != "" {
		text += " (" + o.Cause + ")"
	}
	if o.AfterSeconds > 0 {
		text += " after " + seconds(o.AfterSeconds)
	}
	if o.By != "" {
		text += " by " + o.By
	}
	if o.Incarnation > 0 {
		text += ", incarnation " + strconv.Itoa(o.Incarnation)
	}
	return text, nil
}

func (c *client) supervise(ctx context.Context, strategy string) (string, error) {
	body := struct {
		Strategy string `json:"strategy"`
	}{strategy}
	_, err := c.ask(ctx, "PUT", "/api/supervision", body, nil)
	return "from the next failure on, " + strategy + " answers", err
}

func (c *client) end(ctx context.Context, session uint64) (string, error) {
	_, err := c.ask(ctx, "DELETE", fmt.Sprintf("/api/sessions/%d", session), nil, nil)
	return fmt.Sprintf("session %d is being ended", session), err
}
