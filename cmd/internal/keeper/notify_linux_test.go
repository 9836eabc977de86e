package keeper

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the keeper tells a service manager, in the words that it expects.
func TestNotify(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	for state, want := range map[state]string{
		ready:     fmt.Sprintf("READY=1\nMAINPID=%d", os.Getpid()),
		reloading: "RELOADING=1\nMONOTONIC_USEC=",
		stopping:  "STOPPING=1",
	} {
		notify(state)
		_ = manager.SetReadDeadline(time.Now().Add(10 * time.Second))
		text := make([]byte, 200)
		n, err := manager.Read(text)
		if err != nil || !strings.HasPrefix(string(text[:n]), want) {
			t.Errorf("%q, %v, want %q", text[:n], err, want)
		}
	}
}
