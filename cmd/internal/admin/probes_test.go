package admin

import (
	"testing"

	"tcpproxy/messages"
)

// Clients are let in unless a listener has paused, or all of them are draining. The proxy is alive through all of it.
func TestReadiness(t *testing.T) {
	server := newFake().serve(t, Config{})
	for _, step := range []struct {
		event  any
		status int // of /readyz from then on
	}{
		{messages.ListenerOpened{Listener: "listener-1"}, 200},
		{messages.AcceptPaused{Listener: "listener-1", Reason: "max-sessions"}, 503},
		{messages.AcceptPaused{Listener: "listener-2", Reason: "max-sessions"}, 503},
		{messages.AcceptResumed{Listener: "listener-1"}, 503}, // the other one has not
		{messages.AcceptResumed{Listener: "listener-2"}, 200},
		{messages.AcceptResumed{Listener: "listener-2"}, 200},
		{messages.ListenerDraining{Listener: "listener-1"}, 503},
		{messages.AcceptResumed{Listener: "listener-1"}, 503},
	} {
		server.Observe(step.event)
		if status, body := call(t, server, "GET", "/readyz", ""); status != step.status {
			t.Errorf("/readyz after %+v: status %d, body %q; want %d", step.event, status, body, step.status)
		}
		if status, body := call(t, server, "GET", "/healthz", ""); status != 200 {
			t.Errorf("/healthz after %+v: status %d, body %q; want 200", step.event, status, body)
		}
	}
}
