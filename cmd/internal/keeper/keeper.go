// Package keeper is the process that is started by hand with --survive. It starts the worker, which is the proxy, passes signals on to
// whoever is the worker just then, and ends as the worker does. It holds no connection; what can be lost by its death is the exit code.
package keeper

import (
	"log/slog"
	"time"
)

// Config says what to keep running.
type Config struct {
	// Args is the command line, without the program's name.
	Args []string
	// Env is added to the worker's environment.
	Env []string
	// MaxRestarts and Within are how often workers may die in what time.
	MaxRestarts int
	Within      time.Duration
	// Ready, if any, is called when the first worker serves, on the keeper's own goroutine: so it may start processes. It must not wait
	// for them; the keeper reaps them. It is called once.
	Ready func()
	// Log gets what becomes of the worker.
	Log *slog.Logger
}

// CheckFlag asks a program whether it can take over: its value is the layout of the state to take over.
const CheckFlag = "--survive-check"
