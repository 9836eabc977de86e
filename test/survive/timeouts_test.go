//go:build linux

package survive

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"tcpproxy/actors/survival"
	"tcpproxy/test/freeport"
	"tcpproxy/test/program"
)

const (
	timeout = 2 * time.Second
	// lives is how long a worker serves in these tests: each timeout passes through some lives. A session looks at its timeouts every
	// 200 ms, so no timeout comes while no worker lives as long.
	lives = 300 * time.Millisecond
	// late is how much later than it should a timeout may end something on a busy machine.
	late = 8 * time.Second
)

// underKills kills each worker that has served for a while, as long as a function runs.
func underKills(t *testing.T, m *survival.Memory, f func()) {
	t.Helper()
	over, killed := make(chan struct{}), make(chan int)
	go func() {
		n, last := 0, uint64(0)
		for ; ; time.Sleep(time.Millisecond) { // between two looks
			now := m.Generation.Load()
			if serves(m) && now != last {
				select {
				case <-time.After(lives):
					if kill(m) {
						n, last = n+1, now
					}
				case <-over:
				}
			}
			select {
			case <-over:
				killed <- n
				return
			default:
			}
		}
	}()
	f()
	close(over)
	if n := <-killed; n < 3 {
		t.Errorf("only %d workers were killed", n)
	}
}

// inTime reports whether something that a timeout ended has come when it should.
func inTime(t *testing.T, what string, took time.Duration) {
	t.Helper()
	if took < timeout-50*time.Millisecond || took > timeout+late {
		t.Errorf("%s came after %v, want %v", what, took, timeout)
	}
	t.Logf("%s came after %v", what, took)
}

// TestIdleTimeout has a session be idle over several lives of the worker.
func TestIdleTimeout(t *testing.T) {
	p := program.Start(t, plain, nil, startEcho(t).addr(), "--survive", "--max-restarts", "1000", "--idle-timeout", "2s")
	m := state(t, p)
	c := openIdle(t, p.Addr, 1)[0]
	began := time.Now()
	underKills(t, m, func() {
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client got %v, want an orderly end", err)
		}
	})
	inTime(t, "the end of an idle session", time.Since(began))
	program.Eventually(t, program.Patience, "the log tells of it", func() bool { return p.Log.Has("cause=idle") })
	drainAndEnd(t, p)
}

// TestHangTimeout has a client read nothing over several lives of the worker.
func TestHangTimeout(t *testing.T) {
	p := program.Start(t, plain, nil, startSource(t).addr(), "--survive", "--max-restarts", "1000",
		"--idle-timeout", "0", "--hang-timeout", "2s")
	m := state(t, p)
	program.Eventually(t, program.Patience, "the proxy is old", func() bool {
		return survival.Monotonic()-m.Began.Load() > int64(timeout)
	})
	c := dial(t, p.Addr)
	_ = binary.Write(c, binary.BigEndian, uint64(1))
	// The first kill comes before the first look of the session, and finds a proxy that is older than the timeout.
	stopsMoving(t, m, 60*time.Millisecond)
	began := time.Now()
	killAndAwait(t, p, m)
	underKills(t, m, func() {
		program.Eventually(t, patience, "the log tells of the end", func() bool { return p.Log.Has("session closed") })
	})
	if !p.Log.Has("cause=hung") {
		t.Error("the session ended for another cause")
	}
	inTime(t, "the end of a hung session", time.Since(began))
	drainAndEnd(t, p)
}

// movedDown changes whenever bytes of some session of the first loop have moved to the client.
func movedDown(m *survival.Memory) (sum int64) {
	table := m.Table(0)
	for _, i := range table.Live() {
		sum += table.Records[i].Moved[1].Load()
	}
	return sum
}

// stopsMoving waits until nothing has moved to clients for a while, since none reads.
func stopsMoving(t *testing.T, m *survival.Memory, quiet time.Duration) {
	t.Helper()
	last, since := int64(-1), time.Now()
	program.Eventually(t, program.Patience, "nothing moves any more", func() bool {
		if now := movedDown(m); now != last {
			last, since = now, time.Now()
		}
		return last > 0 && time.Since(since) > quiet
	})
}

// TestGapIsNoSilence keeps the holder from going on for longer than the idle timeout: as long as nobody could have moved a byte, nobody was
// silent. After that a session is idle for as long as any other before it ends.
func TestGapIsNoSilence(t *testing.T) {
	p := program.Start(t, plain, nil, startEcho(t).addr(), "--survive", "--idle-timeout", "2s")
	m := state(t, p)
	all := openIdle(t, p.Addr, 2)
	program.Eventually(t, program.Patience, "somebody stands by, and the sessions have looked at themselves", func() bool {
		looked := 0
		for loop := range int(m.Loops.Load()) {
			table := m.Table(loop)
			for _, i := range table.Live() {
				if _, known := table.Records[i].LastTook(1, 1); known { // of the one byte
					looked++
				}
			}
		}
		return m.Holder.Load() != 0 && looked == len(all)
	})
	holder, generation := int(m.Holder.Load()), m.Generation.Load()
	if err := syscall.Kill(holder, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if !kill(m) {
		t.Fatal("there is no worker to kill")
	}
	time.Sleep(timeout + time.Second) // this is the gap
	if err := syscall.Kill(holder, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	ended := time.Now()
	program.Eventually(t, program.Patience, "the next worker serves", func() bool { return m.Generation.Load() > generation && serves(m) })
	// The first one speaks after a while, the other one never does.
	_ = all[1].SetReadDeadline(time.Now().Add(timeout / 2))
	if _, err := all[1].Read(make([]byte, 1)); !isTimeout(err) {
		t.Fatalf("the session that was idle over the gap got %v: the gap was taken for silence", err)
	}
	all[:1].use(t)
	_ = all[1].SetReadDeadline(time.Now().Add(patience))
	if _, err := all[1].Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the session that was idle after the gap, too, got %v", err)
	}
	if took := time.Since(ended); took > timeout+late {
		t.Errorf("the end of an idle session came %v after the gap", took)
	}
	all.close()
	drainAndEnd(t, p)
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// TestSlowReaderIsNotHung has a client take some bytes now and then, while no worker lives long enough to look twice. When the kills
// end, the time before must count as what it was: progress.
func TestSlowReaderIsNotHung(t *testing.T) {
	p := program.Start(t, plain, nil, startSource(t).addr(), "--survive", "--max-restarts", "1000",
		"--idle-timeout", "0", "--hang-timeout", "2s")
	m := state(t, p)
	c := dial(t, p.Addr)
	_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
	_ = binary.Write(c, binary.BigEndian, uint64(1))
	stopsMoving(t, m, 200*time.Millisecond)
	over, killed := make(chan struct{}), make(chan int)
	go func() { killed <- killEvery(m, 100*time.Millisecond, over) }()
	reads := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end) && !t.Failed(); time.Sleep(timeout / 4) { // it is slow
			for got := 0; got < 256<<10; {
				n, err := c.Read(make([]byte, 64<<10))
				if got += n; err != nil {
					t.Fatalf("a client that is slow, but not hung, got %v", err)
				}
			}
		}
	}
	reads(2 * timeout)
	close(over)
	t.Logf("%d workers were killed", <-killed)
	time.Sleep(timeout / 4) // so the first look of a worker that lives finds nothing new since it began
	reads(timeout)
	c.Close()
	drainAndEnd(t, p)
}

// seen is what the admin API tells of a session.
type seen struct {
	ID  uint64  `json:"id"`
	PID string  `json:"pid"`
	Age float64 `json:"age_s"`
}

// TestIdentity has sessions keep their number, PID and age in another worker, and new ones get the numbers after them.
func TestIdentity(t *testing.T) {
	api := net.JoinHostPort("127.0.0.1", freeport.For(t))
	p := program.Start(t, plain, nil, startEcho(t).addr(), "--survive", "--admin", api, "--max-restarts", "1000", "--loops", "2")
	given := map[uint64]bool{}
	m := state(t, p)
	all := openIdle(t, p.Addr, 5)
	before := askSessions(t, api, 5)
	for id := range before {
		given[id] = true
	}
	for range 5 {
		killAndAwait(t, p, m)
		after := askSessions(t, api, len(before))
		for id, s := range before {
			if now, ok := after[id]; !ok || now.PID != s.PID || now.Age <= s.Age {
				t.Errorf("session %+v is %+v in the next worker", s, now)
			}
		}
		before = after
		all[0].Close() // its number must not be given again
		all = append(all[1:], openIdle(t, p.Addr, 1)...)
		program.Eventually(t, program.Patience, "a session has come in the place of one that ended", func() bool {
			after = askSessions(t, api, len(before))
			return !maps.EqualFunc(before, after, func(seen, seen) bool { return true })
		})
		for id, s := range after {
			if _, old := before[id]; !old && given[id] {
				t.Errorf("the new session %+v has a number that was given before", s)
			}
			given[id] = true
		}
		before = after
	}
	all.close()
	drainAndEnd(t, p)
}

// askSessions asks the admin API until it tells of so many sessions.
func askSessions(t *testing.T, api string, n int) map[uint64]seen {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	all := map[uint64]seen{}
	program.Eventually(t, program.Patience, fmt.Sprintf("the admin API tells of %d sessions", n), func() bool {
		reply, err := client.Get("http://" + api + "/api/sessions")
		if err != nil {
			return false
		}
		defer reply.Body.Close()
		var list []seen
		if json.NewDecoder(reply.Body).Decode(&list) != nil {
			return false
		}
		clear(all)
		for _, s := range list {
			all[s.ID] = s
		}
		return len(all) == n
	})
	return all
}

// TestDrainTimeout kills the worker again and again while it drains. It goes on refusing clients, and ends in time.
func TestDrainTimeout(t *testing.T) {
	p := program.Start(t, plain, nil, startEcho(t).addr(), "--survive", "--max-restarts", "1000", "--drain-timeout", "2s")
	m := state(t, p)
	all := openIdle(t, p.Addr, 2)
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	program.Eventually(t, program.Patience, "it drains", func() bool { return p.Log.Has("msg=draining") })
	underKills(t, m, func() {
		for !p.HasEnded() {
			if c, err := net.Dial("tcp", p.Addr); err == nil {
				c.Close()
				t.Error("a client was let in by a proxy that drains")
			}
			if time.Since(began) < timeout/2 {
				all.use(t) // who is served already goes on being served
			}
			time.Sleep(10 * time.Millisecond) // between two clients
			if time.Since(began) > timeout+late {
				break
			}
		}
	})
	if code := p.ExitCode(program.Patience); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
	inTime(t, "the end of draining", time.Since(began))
	if left := p.Family(); len(left) > 0 {
		t.Errorf("processes are left behind: %v", left)
	}
}
