//go:build linux

package peers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
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
			p := startProxy(t, startNginx(t, theBigFile(t).dir), killable(strategy)...)
			killDuring(t, p, func() { download(t, p) })
		})
	}
	for _, strategy := range []string{"one-for-one", "all-for-one"} {
		t.Run("rsync, "+strategy, func(t *testing.T) {
			t.Parallel()
			need(t, "rsync", "ssh", "ssh-keygen", "sshd")
			peers, p := startSSH(t, killable(strategy)...)
			tree := makeTree(t)
			killDuring(t, p, func() { rsyncBothWays(t, peers, tree) })
		})
	}
}

// killable are the flags of a proxy whose actors may be killed, more often than would be tolerated of any other.
func killable(strategy string) []string {
	return []string{"--faults", "--supervision", strategy, "--max-restarts", "1000000"}
}

// killDuring kills while some traffic goes on, and fails the test if there was too little time for that to mean anything.
func killDuring(t *testing.T, p *process, traffic func()) {
	t.Helper()
	k := &killer{api: p.api, http: newClient(t)}
	over, killed := make(chan struct{}), make(chan error, 1)
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

// killer makes actors of a proxy fail, by its admin API.
type killer struct {
	api  string
	http *http.Client
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
	if err := get(k.http, k.api+"tree", &root); err != nil {
		return err
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
	reply, err := k.http.Post(k.api+"faults", "application/json", bytes.NewReader(body))
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
