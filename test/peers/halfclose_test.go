//go:build linux

package peers

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const halfCloseSize = 100 << 20

// lag is how long socat lets one direction run on when the other has ended. Its default is less than an answer may take.
var lag = fmt.Sprint(patience.Seconds())

// startSocat connects every client with what the address stands for.
func startSocat(t *testing.T, address string) *process {
	t.Helper()
	return listen(t, func(port string) *exec.Cmd {
		return exec.Command("socat", "-t", lag, "TCP-LISTEN:"+port+",bind="+host+",fork,reuseaddr", address)
	})
}

// TestClientClosesFirst has a client that closes its write side after its last byte, and a server that answers only then.
func TestClientClosesFirst(t *testing.T) {
	t.Parallel()
	need(t, "nc", "socat")
	p := startProxy(t, startSocat(t, "EXEC:sha256sum"))
	for _, size := range []int64{0, 1, halfCloseSize} {
		sent := sha256.New()
		var reply bytes.Buffer
		run(t, io.TeeReader(io.LimitReader(noise("client"), size), sent), &reply, "nc", "-N", host, p.port())
		if got, want := reply.String(), digest(sent)+"  -\n"; got != want {
			t.Errorf("of %d bytes: the server answered %q, want %q", size, got, want)
		}
	}
}

// TestServerClosesFirst has a server that closes its write side after its last byte, and a client that answers only then.
func TestServerClosesFirst(t *testing.T) {
	t.Parallel()
	need(t, "socat")
	dir := t.TempDir()
	file, answer := filepath.Join(dir, "file"), filepath.Join(dir, "answer")
	sent, err := writeSparse(file, halfCloseSize)
	if err != nil {
		t.Fatal(err)
	}
	// The server appends: the connections that only tried whether it listens must not take the answer away.
	p := startProxy(t, startSocat(t, "OPEN:"+file+",rdonly!!OPEN:"+answer+",creat,append"))
	run(t, nil, nil, "socat", "-t", lag, "TCP:"+p.addr, "EXEC:sha256sum")
	// The client has ended, but its answer may still be under way.
	want := sent + "  -\n"
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got, _ := os.ReadFile(answer)
		if string(got) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the client answered %q, want %q", got, want)
		}
	}
}
