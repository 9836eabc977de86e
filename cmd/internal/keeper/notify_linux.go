package keeper

import (
	"fmt"
	"os"

	"github.com/coreos/go-systemd/v22/daemon"
)

// state is what a service manager is told.
type state int

const (
	ready state = iota
	reloading
	stopping
)

// notify tells the service manager, if there is one; otherwise it does nothing.
func notify(s state) {
	text := ""
	switch s {
	case ready:
		text = fmt.Sprintf("%s\nMAINPID=%d", daemon.SdNotifyReady, os.Getpid())
	case reloading:
		text = daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()
	case stopping:
		text = daemon.SdNotifyStopping
	}
	_, _ = daemon.SdNotify(false, text)
}
