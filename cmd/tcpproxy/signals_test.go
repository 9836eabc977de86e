package main

import (
	"log/slog"
	"os"
	"syscall"
	"testing"
)

// ending is a proxy that ends when it is told to, and notes what it was told.
type ending struct {
	told chan string
	done chan struct{}
}

func newEnding() *ending { return &ending{told: make(chan string), done: make(chan struct{})} }

func (e *ending) Drain()                { e.told <- "drain" }
func (e *ending) Stop()                 { e.told <- "stop" }
func (e *ending) Done() <-chan struct{} { return e.done }

// The first signal drains, the second stops, and SIGQUIT stops in any case; the program then ends well, and not before the proxy has ended.
func TestSignals(t *testing.T) {
	type step struct {
		signal syscall.Signal
		want   string
	}
	for name, steps := range map[string][]step{
		"again and again": {{syscall.SIGTERM, "drain"}, {syscall.SIGTERM, "stop"}, {syscall.SIGTERM, "stop"}},
		"of both kinds":   {{syscall.SIGINT, "drain"}, {syscall.SIGTERM, "stop"}},
		"to quit":         {{syscall.SIGQUIT, "stop"}, {syscall.SIGTERM, "stop"}},
		"to quit at last": {{syscall.SIGTERM, "drain"}, {syscall.SIGQUIT, "stop"}},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := newEnding()
			s := signals{end: make(chan os.Signal)}
			result := make(chan error)
			go func() { result <- attendant{signals: s, log: slog.New(slog.DiscardHandler)}.attend(proxy) }()
			for _, step := range steps {
				s.end <- step.signal
				select {
				case got := <-proxy.told:
					if got != step.want {
						t.Fatalf("at %v the proxy was told to %s, want %s", step.signal, got, step.want)
					}
				case err := <-result:
					t.Fatalf("attend returned %v before the proxy had ended", err)
				}
			}
			close(proxy.done)
			if err := <-result; err != nil {
				t.Errorf("after a signal: %v", err)
			}
		})
	}
}

func TestEndWithoutSignalIsAnError(t *testing.T) {
	proxy := newEnding()
	close(proxy.done)
	if err := (attendant{}).attend(proxy); err == nil {
		t.Error("the proxy ended by itself, and that passed for a success")
	}
}
