package admin

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/messages"
)

const victimPID = "listener/session-7/client-reader"

// fake is a proxy with one session, number 7. What it does when it is called may be replaced before it is served.
type fake struct {
	tree           func(ctx context.Context) (messages.Node, error)
	sessions       func(ctx context.Context) (messages.Sessions, error)
	setSupervision func(name string) error
	kill           func(pid, mode string) error
	done           chan struct{}

	mu     sync.Mutex
	ended  bool     // session 7
	killed []string // "pid mode by"
	chosen string   // the supervision
}

func newFake() *fake { return &fake{done: make(chan struct{})} }

func (f *fake) stopped() error {
	select {
	case <-f.done:
		return actors.ErrStopped
	default:
		return nil
	}
}

func (f *fake) Tree(ctx context.Context) (messages.Node, error) {
	if f.tree != nil {
		return f.tree(ctx)
	}
	return messages.Node{PID: "listener", Kind: "listener", Children: []messages.Node{{PID: "listener/session-7"}}}, f.stopped()
}

func (f *fake) Sessions(ctx context.Context) (messages.Sessions, error) {
	if f.sessions != nil {
		return f.sessions(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return nil, f.stopped()
	}
	return messages.Sessions{{ID: 7, State: "relaying", BytesClientToServer: 12}}, f.stopped()
}

func (f *fake) EndSession(_ context.Context, id uint64) error {
	if id != 7 && f.stopped() == nil {
		return actors.ErrNoSession
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	return f.stopped()
}

func (f *fake) SetSupervision(name string) error {
	if f.setSupervision != nil {
		return f.setSupervision(name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.chosen = name
	return nil
}

func (f *fake) Supervision() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.chosen
}

func (f *fake) Stats() actors.Stats {
	return actors.Stats{MaxSessions: 99, Loops: []actors.LoopStats{
		{Listener: "listener-1", Sessions: 2, BytesClientToServer: 30, BytesServerToClient: 400},
		{Listener: "listener-2", Sessions: 1, BytesClientToServer: 5, BytesServerToClient: 6},
	}}
}

func (f *fake) Kill(pid, mode, by string) error {
	if !strings.HasPrefix(victimPID, pid) {
		return actors.ErrNoActor
	}
	f.mu.Lock()
	f.killed = append(f.killed, pid+" "+mode+" "+by)
	f.mu.Unlock()
	if f.kill != nil {
		return f.kill(pid, mode)
	}
	return nil
}

func (f *fake) Done() <-chan struct{} { return f.done }

// serve opens the API on a free loopback port.
func (f *fake) serve(t testing.TB, config Config) *Server {
	t.Helper()
	config.Addr = "127.0.0.1:0"
	server, err := Listen(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.Serve(f)
	return server
}

// request sends one request; each header is "Name: value". It returns the answer with its whole body read.
func request(t testing.TB, server *Server, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+server.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			request.Host = value
		}
		request.Header.Set(name, value)
	}
	response, err := patient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(content)
}

// call is a request of which only the status and the body matter.
func call(t testing.TB, server *Server, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	response, content := request(t, server, method, path, body, headers...)
	return response.StatusCode, content
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// patient is a client who does not wait for ever.
var patient = &http.Client{Timeout: 20 * time.Second}
