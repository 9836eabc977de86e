//go:build linux

package peers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestKilledActors kills actors of live sessions at random, fifty times a second. Clients and servers must notice nothing.
func TestKilledActors(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"one-for-one", "resume"} {
		t.Run("download, "+strategy, func(t *testing.T) {
			t.Parallel()
			need(t, "curl", "nginx")
			k := newKiller(t, strategy)
			p := startProxy(t, startNginx(t, theBigFile(t).dir), k.flags...)
			k.during(t, p, func() { download(t, p) })
		})
	}
	for _, strategy := range []string{"one-for-one", "all-for-one"} {
		t.Run("rsync, "+strategy, func(t *testing.T) {
			t.Parallel()
			need(t, "rsync", "ssh", "ssh-keygen", "sshd")
			k := newKiller(t, strategy)
			peers, p := startSSH(t, k.flags...)
			tree := makeTree(t)
			k.during(t, p, func() { rsyncBothWays(t, peers, tree) })
		})
	}
}

// killer makes actors of a proxy fail, by its admin API.
type killer struct {
	flags []string // what the proxy must be started with
	api   string
	http  http.Client
}

func newKiller(t *testing.T, strategy string) *killer {
	t.Helper()
	admin := net.JoinHostPort(host, freePort(t))
	k := &killer{
		// So many restarts would be too many for any other proxy.
		flags: []string{"--admin", admin, "--faults", "--supervision", strategy, "--max-restarts", "1000000"},
		api:   "http://" + admin + "/api/",
		http:  http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second},
	}
	t.Cleanup(k.http.CloseIdleConnections)
	return k
}

// during kills while some traffic goes on, and fails the test if there was too little time for that to mean anything.
func (k *killer) during(t *testing.T, p *process, traffic func()) {
	t.Helper()
	over, killed := make(chan struct{}), make(chan error)
	go func() { killed <- k.kill(over) }()
	func() {
		defer close(over) // also if the traffic fails the test
		traffic()
	}()
	if err := <-killed; err != nil {
		t.Error(err)
	}
	failures := strings.Count(p.log(t), `msg="actor failed"`)
	if failures < 10 {
		t.Errorf("only %d actors failed", failures)
	}
	t.Logf("%d actors failed", failures)
}

// kill kills until over is closed.
func (k *killer) kill(over <-chan struct{}) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return nil
		case <-tick.C:
		}
		if err := k.killOne(); err != nil {
			return err
		}
	}
}

// actor is what the API tells of an actor, as far as it matters here.
type actor struct {
	PID      string  `json:"pid"`
	Kind     string  `json:"kind"`
	Children []actor `json:"children"`
}

// killOne kills one actor of one session, if there is a session.
func (k *killer) killOne() error {
	var root actor
	reply, err := k.http.Get(k.api + "tree")
	if err != nil {
		return err
	}
	err = json.NewDecoder(reply.Body).Decode(&root)
	_ = reply.Body.Close()
	if err != nil {
		return fmt.Errorf("the tree: %w", err)
	}
	var victims []actor
	for _, session := range root.Children {
		if session.Kind == "session" {
			victims = append(append(victims, session), session.Children...)
		}
	}
	if victims == nil {
		return nil
	}
	victim := victims[rand.IntN(len(victims))]
	mode := "panic"
	// A child that is stopped is replaced. A session that is stopped is meant to end, which is not what this is about.
	if victim.Kind != "session" && rand.IntN(2) == 0 {
		mode = "stop"
	}
	body, err := json.Marshal(map[string]string{"pid": victim.PID, "mode": mode})
	if err != nil {
		return err
	}
	reply, err = k.http.Post(k.api+"faults", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }()
	why, _ := io.ReadAll(reply.Body)
	// The session may have ended meanwhile.
	if reply.StatusCode != http.StatusAccepted && reply.StatusCode != http.StatusNotFound {
		return fmt.Errorf("the fault was answered by %s: %s", reply.Status, why)
	}
	return nil
}
