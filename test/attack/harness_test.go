//go:build linux

package attack

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tcpproxy/test/freeport"
)

// patience is how long anything may take that ought to happen at once, on a machine that is under attack. It only runs out when a test
// fails.
const patience = 20 * time.Second

// full reports whether the long form of each attack is asked for. It looks when it is needed, so that the go command learns that a
// result depends on it, and does not show that of the other form.
func full() bool { return os.Getenv("ATTACK") == "full" }

// sources opens the folders of the program, once, for the go command to learn that the results depend on what is in them: it sees what
// a test imports and opens, but not what it builds.
var sources = sync.OnceFunc(func() {
	for _, top := range []string{"../../actors", "../../cmd", "../../messages"} {
		_ = filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_, err = os.ReadDir(path)
			}
			return err
		})
	}
})

// binary is the program under test, built once for all tests.
var binary string

// TestMain builds the program, and checks that no goroutine is left behind. The same program, started again by a test, is the pair of
// peers that measures: see pingpong.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(measuring) != "" {
		os.Exit(measure())
	}
	// The attacks that may run at once do little but wait, so more of them may than there are processors.
	if flag.Lookup("test.parallel").Value.String() == flag.Lookup("test.parallel").DefValue {
		_ = flag.Set("test.parallel", "16")
	}
	dir, err := os.MkdirTemp("", "tcpproxy-attack-")
	if err == nil {
		binary = filepath.Join(dir, "tcpproxy")
		err = build()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// build makes what `make build` makes, which has no C in it, so that names are looked up by Go; the race detector needs C.
func build() error {
	build := exec.Command("go", "build", "-o", binary, "tcpproxy/cmd/tcpproxy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if underRace() {
		build = exec.Command("go", "build", "-race", "-o", binary, "tcpproxy/cmd/tcpproxy")
	}
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build the program: %w\n%s", err, out)
	}
	return nil
}

// underRace reports whether the race detector watches this test. Then it watches the proxy, too.
func underRace() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// amount is how much of something an attack takes: short or long, and a quarter of it under the race detector, which is slow.
func amount(short, long int) int {
	n := short
	if full() {
		n = long
	}
	if underRace() {
		n = max(1, n/4)
	}
	return n
}

// chance is what a random test decides by. It prints its seed, and takes it back in ATTACK_SEED.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("ATTACK_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ATTACK_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// skip leaves an attack out where the machine cannot carry it out. Where everything must run, with CI=true, that is a failure.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// proxy is a running tcpproxy.
type proxy struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   *journal
	addr  string        // what it listens on
	admin string        // where it is asked; empty without
	ended chan struct{} // closed when the process is gone
}

// preparation changes the command that starts the proxy: into a namespace, or below a limit.
type preparation func(*exec.Cmd)

// startProxy runs tcpproxy before a destination, on a loopback port of its choosing, until the end of the test. Unless the flags say
// otherwise the log has warnings only: a storm at debug would measure the log.
func startProxy(t *testing.T, destination string, flags ...string) *proxy {
	t.Helper()
	return startPrepared(t, nil, "127.0.0.1", destination, flags...)
}

// startAsked is startProxy with the admin API and with faults.
func startAsked(t *testing.T, prepare preparation, destination string, flags ...string) *proxy {
	t.Helper()
	admin := net.JoinHostPort("127.0.0.1", freeport.For(t))
	p := startPrepared(t, prepare, "127.0.0.1", destination, append([]string{"--faults", "--admin", admin}, flags...)...)
	p.admin = admin
	return p
}

// startPrepared runs tcpproxy on an address of listen, with what prepare (may be nil) does to the command.
func startPrepared(t *testing.T, prepare preparation, listen, destination string, flags ...string) *proxy {
	t.Helper()
	host, port, err := net.SplitHostPort(destination)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // another program may take the port first
		own := freeport.For(t)
		args := append(append([]string{"--listen-host", listen}, flags...), host, port, own)
		p := spawn(t, prepare, args...)
		p.addr = net.JoinHostPort(listen, own)
		eventually(t, patience, "the proxy listens", func() bool { return p.log.has("msg=listening") || p.hasEnded() })
		if !p.hasEnded() {
			return p
		}
		if !p.log.has("address already in use") {
			t.Fatalf("the proxy ended:\n%s", p.log)
		}
	}
	t.Fatal("no port could be had")
	return nil
}

// spawn starts the program, whatever it may do then. At the end of the test it is killed, and its log must not tell of a defect.
func spawn(t *testing.T, prepare preparation, args ...string) *proxy {
	t.Helper()
	sources()
	p := &proxy{t: t, cmd: exec.Command(binary, args...), log: &journal{}, ended: make(chan struct{})}
	p.cmd.Stderr = p.log
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // else the race detector puts off the end by a second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if prepare != nil {
		prepare(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in cmd.ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		for _, sign := range []string{"DATA RACE", "panic:", "fatal error:", "unknown message", "goroutine 1 ["} {
			if p.log.has(sign) {
				t.Errorf("the proxy's log tells of a defect (%q)", sign)
			}
		}
		if t.Failed() {
			t.Logf("the proxy's log:\n%s", p.log.tail(4000))
		}
	})
	return p
}

func (p *proxy) pid() int { return p.cmd.Process.Pid }

func (p *proxy) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *proxy) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exitCode waits for the end of the program; it is -1 if a signal ended it.
func (p *proxy) exitCode(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.t.Fatalf("the proxy still runs after %v", within)
		return -1
	}
}

// wrapped has the program started by another one, which must become it: exec, not fork, so that signals find it.
func wrapped(by ...string) preparation {
	return func(c *exec.Cmd) {
		c.Args = append(append([]string{}, by...), append([]string{c.Path}, c.Args[1:]...)...)
		c.Path, c.Err = exec.LookPath(by[0])
	}
}

// withDescriptors limits how many descriptors the proxy may have.
func withDescriptors(n int) preparation {
	return wrapped("sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, n), "sh")
}

// eventually waits until a condition holds, and fails the test if that takes too long.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
