//go:build linux

package survive

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"tcpproxy/test/program"
)

// loadLasts is how long the kills go on, and loadFile how large a file scp copies meanwhile.
func loadLasts() (d time.Duration, file int64) {
	switch {
	case full():
		return 10 * time.Minute, 2 << 30
	case program.UnderRace():
		return 10 * time.Second, 30 << 20
	}
	return 12 * time.Second, 100 << 20
}

// loadKills is how often each worker is killed. Under the race detector one takes ten times as long to start.
func loadKills() time.Duration {
	if program.UnderRace() {
		return time.Second
	}
	return 100 * time.Millisecond
}

// TestLoad is what the feature was made for: the worker is killed every 100 ms while programs that people use, and a stream of requests
// over connections that come and go, work through the proxy, and others are idle. Nothing may notice.
func TestLoad(t *testing.T) {
	need(t, "redis-benchmark", "redis-cli", "redis-server", "scp", "ssh-keygen", "sshd")
	random := chance(t)
	lasts, size := loadLasts()
	deadline := time.Now().Add(lasts)

	// One proxy, one destination: so each kind of work has its proxy, and all of these are killed.
	k := makeKeys(t)
	redis, ssh, teller, idle := serveRedis(t), serveSSH(t, k), startTeller(t), startEcho(t)
	var proxies []*program.Program
	before := func(destination string) string {
		p := program.Start(t, plain, nil, destination, "--survive", "--max-restarts", "1000000", "--idle-timeout", "0")
		proxies = append(proxies, p)
		return p.Addr
	}
	redisAt, sshAt, tellerAt, idleAt := before(redis), before(ssh), before(teller.addr()), before(idle.addr())
	sessions := openIdle(t, idleAt, 200)

	over := make(chan struct{})
	var killing, working sync.WaitGroup
	killed := make([]int, len(proxies))
	for i, p := range proxies {
		m := state(t, p)
		killing.Go(func() { killed[i] = killEvery(m, loadKills(), over) })
	}
	work := func(what string, f func() (string, error)) {
		working.Go(func() {
			did, err := f()
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			t.Logf("%s: %s", what, did)
		})
	}
	copied, asked := random.Uint64(), random.Uint64() // here, since a source is for one goroutine
	work("redis-benchmark", func() (string, error) { return benchmarkRedis(redisAt, redis, deadline) })
	work("scp", func() (string, error) {
		return copyFiles(t.TempDir(), configSSH(t, k, sshAt), size, copied, deadline)
	})
	work("requests", func() (string, error) { return ask(tellerAt, 20, asked, deadline) })
	working.Wait()
	close(over)
	killing.Wait()
	t.Logf("the workers were killed %v times", killed)
	for i, p := range proxies {
		if least := int(lasts / (3 * loadKills())); killed[i] < least {
			t.Errorf("worker %d was killed %d times, want %d: somebody was missing for long", i, killed[i], least)
		}
		if p.Log.Has("died together") {
			t.Error("a worker and its holder have died together")
		}
	}
	sessions.use(t)
	sessions.close()
	for _, p := range proxies {
		drainAndEnd(t, p)
	}
}

// benchmarkRedis runs redis-benchmark again and again. The server's own count must be that of the requests: none was lost, and none
// repeated.
func benchmarkRedis(addr, server string, deadline time.Time) (did string, err error) {
	const requests = 4800 // whole pipelines of 16
	at := func(addr string, args ...string) []string {
		host, port, _ := net.SplitHostPort(addr)
		return append([]string{"-h", host, "-p", port}, args...)
	}
	rounds := 0
	for ; time.Now().Before(deadline); rounds++ {
		args := at(addr, "-q", "-c", "50", "-n", fmt.Sprint(requests), "-t", "set,incr,get")
		if rounds%2 == 1 {
			args = append(args, "-P", "16", "-d", "100")
		}
		// The client ends with an error if a connection fails, or a reply is none that it understands.
		if _, err := run(2*patience, "redis-benchmark", args...); err != nil {
			return fmt.Sprintf("%d rounds", rounds), err
		}
	}
	stats, err := run(patience, "redis-cli", at(server, "INFO", "commandstats")...)
	for _, command := range []string{"set", "incr", "get"} {
		want := fmt.Sprintf(`(?m)^cmdstat_%s:calls=%d,.*rejected_calls=0,failed_calls=0`, command, rounds*requests)
		if err == nil && !regexp.MustCompile(want).MatchString(stats) {
			err = fmt.Errorf("the server did not get %d requests of the kind %s:\n%s", rounds*requests, command, stats)
		}
	}
	return fmt.Sprintf("%d requests", 3*rounds*requests), err
}

// copyFiles has scp copy a file to the peer and back, again and again.
func copyFiles(dir, config string, size int64, seed uint64, deadline time.Time) (did string, err error) {
	from, there, back := filepath.Join(dir, "from"), filepath.Join(dir, "there"), filepath.Join(dir, "back")
	want, err := makeFile(from, size, seed)
	copies := 0
	for ; err == nil && (copies == 0 || time.Now().Before(deadline)); copies++ {
		to, source := "peer:"+there, from
		result := there
		if copies%2 == 1 {
			to, source, result = back, "peer:"+there, back
		}
		if _, err = run(time.Until(deadline)+2*patience, "scp", "-q", "-F", config, source, to); err != nil {
			break
		}
		var got []byte
		if got, err = sumFile(result); err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("copy %d is not what was copied", copies+1)
		}
	}
	return fmt.Sprintf("%d copies of %d MB", copies, size>>20), err
}

// makeFile makes a file of random bytes, and returns its hash.
func makeFile(path string, size int64, seed uint64) ([]byte, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sum := sha256.New()
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	_, err = io.Copy(io.MultiWriter(file, sum), io.LimitReader(rand.NewChaCha8(key), size))
	return sum.Sum(nil), err
}

func sumFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	return sum.Sum(nil), err
}
