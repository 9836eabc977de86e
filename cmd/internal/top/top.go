// Package top is `tcpproxy top`: the tree of a running proxy in a terminal, drawn from the proxy's admin API. It asks what anybody may ask,
// and knows nothing of the proxy but that.
//
// The screen is a model in the manner of bubbletea: it changes by messages only, which are keys, answers of the API and events. So its
// tests need neither a terminal nor a proxy.
package top

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"
)

// Config says which proxy to show.
type Config struct {
	// Addr is the host:port of its admin API.
	Addr string
	// TokenFile names a file with the token that the API wants; "" if it wants none.
	TokenFile string
}

// Run shows the proxy until the user has seen enough. Where stdout is no terminal it prints what there is, once, as text. The error says in
// one line why it cannot be had.
func Run(config Config, stdin io.Reader, stdout io.Writer) error {
	client, err := newClient(config)
	if err != nil {
		return err
	}
	defer client.close()
	screen, isFile := stdout.(*os.File)
	if !isFile || !term.IsTerminal(screen.Fd()) {
		return printOnce(client, stdout)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	program := tea.NewProgram(newModel(ctx, client, config), tea.WithInput(stdin), tea.WithOutput(stdout))
	told := make(chan struct{})
	go func() {
		defer close(told)
		client.follow(ctx, program.Send)
	}()
	_, err = program.Run()
	cancel()
	<-told
	if errors.Is(err, tea.ErrInterrupted) {
		return nil
	}
	return err
}

// printOnce prints one snapshot.
func printOnce(client *client, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	seen := client.look(ctx, "")
	if seen.err != nil {
		return seen.err
	}
	_, err := io.WriteString(stdout, strings.Join(snapshotLines(seen), "\n")+"\n")
	return err
}
