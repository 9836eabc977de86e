//go:build linux

package peers

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// sshPeers are an sshd, a proxy before it, and the configuration by which ssh finds the proxy under the name "peer".
type sshPeers struct{ config string }

// startSSH makes the keys of both sides and runs a server that lets nobody in but the user who runs the tests, by that key.
func startSSH(t *testing.T, proxyFlags ...string) (sshPeers, *process) {
	t.Helper()
	// sshd insists on this directory when root runs it. It is empty; the service of Debian makes it when it starts.
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sshd, err := exec.LookPath("sshd") // which runs itself again for every client, and needs its full path for that
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := func(name string) (private, public string) {
		private = filepath.Join(dir, name)
		output(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", private)
		text, err := os.ReadFile(private + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		return private, string(text)
	}
	hostKey, publicHostKey := key("host")
	userKey, publicUserKey := key("user")
	authorized := writeFile(t, dir, "authorized", publicUserKey)
	known := writeFile(t, dir, "known", "peer "+publicHostKey)

	server := listen(t, func(port string) *exec.Cmd {
		config := writeFile(t, dir, "sshd_config", fmt.Sprintf(`
ListenAddress %s:%s
HostKey %s
AuthorizedKeysFile %s
AllowUsers %s
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
StrictModes no
PidFile none
`, host, port, hostKey, authorized, me.Username))
		return exec.Command(sshd, "-D", "-e", "-f", config)
	})
	p := startProxy(t, server, proxyFlags...)
	config := writeFile(t, dir, "ssh_config", fmt.Sprintf(`
Host peer
HostName %s
Port %s
User %s
IdentityFile %s
IdentitiesOnly yes
IdentityAgent none
HostKeyAlias peer
UserKnownHostsFile %s
GlobalKnownHostsFile none
StrictHostKeyChecking yes
BatchMode yes
Compression no
LogLevel ERROR
`, host, p.port(), me.Username, userKey, known))
	return sshPeers{config}, p
}

func TestSSHStream(t *testing.T) {
	t.Parallel()
	need(t, "ssh", "ssh-keygen", "sshd")
	peers, _ := startSSH(t)
	// The stream goes in both directions at once: cat sends back what it gets.
	sent, got := sha256.New(), sha256.New()
	stream := io.TeeReader(io.LimitReader(noise("ssh"), int64(amount(100<<20))), sent)
	run(t, stream, got, "ssh", "-F", peers.config, "peer", "cat")
	if digest(got) != digest(sent) {
		t.Error("cat did not send back what it was sent")
	}
}

func TestRsync(t *testing.T) {
	t.Parallel()
	need(t, "rsync", "ssh", "ssh-keygen", "sshd")
	peers, _ := startSSH(t)
	rsyncBothWays(t, peers, makeTree(t))
}

// rsyncBothWays sends a tree through the proxy, fetches it back, and compares both copies with it.
func rsyncBothWays(t *testing.T, peers sshPeers, tree string) {
	t.Helper()
	want := list(t, tree)
	there, back := filepath.Join(t.TempDir(), "there"), filepath.Join(t.TempDir(), "back")
	for _, way := range []struct{ from, to, copy string }{
		{tree, "peer:" + there, there},
		{"peer:" + there, back, back},
	} {
		run(t, nil, nil, "rsync", "--archive", "--rsh", "ssh -F "+peers.config, way.from+"/", way.to+"/")
		if got := list(t, way.copy); !maps.Equal(got, want) {
			t.Fatalf("%s to %s: %s", way.from, way.to, difference(got, want))
		}
	}
}

// makeTree makes a few hundred files, of no bytes and more, and a large one.
func makeTree(t *testing.T) string {
	t.Helper()
	tree := t.TempDir()
	for i := range 300 {
		dir := filepath.Join(tree, fmt.Sprintf("d%d/d%d", i%7, i%11))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("f%d", i)
		writeFile(t, dir, name, string(random(name, i*i/3)))
	}
	writeFile(t, tree, "large", string(random("large", amount(50<<20))))
	return tree
}

// list has the digest of every file under a directory, and the mode of everything.
func list(t *testing.T, root string) map[string]string {
	t.Helper()
	entries := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root)
		entries[name] = info.Mode().String()
		if info.Mode().IsRegular() {
			entries[name] += " " + sumFile(t, path)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a copy that is not there is an empty one
		t.Fatal(err)
	}
	return entries
}

// difference names one file in which two lists differ.
func difference(got, want map[string]string) string {
	for name := range want {
		if got[name] != want[name] {
			return fmt.Sprintf("%d files and directories, want %d; %s is %q, want %q", len(got), len(want), name, got[name], want[name])
		}
	}
	return fmt.Sprintf("%d files and directories, want %d", len(got), len(want))
}
