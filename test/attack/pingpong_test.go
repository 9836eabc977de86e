//go:build linux

package attack

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// measuring, in the environment, makes this program the pair of peers that measures. They are a process of their own, and one that has
// right of way: what is measured is how the proxy takes turns, not how this test does, which moves megabytes of answers beside it.
const measuring = "ATTACK_MEASURE"

// figures are what a ping-pong of single bytes took.
type figures struct {
	Rounds           int
	P50, P99, Worst  time.Duration
	DestinationOf    string `json:",omitempty"` // set in the first line only
	ConnectionBroken string `json:",omitempty"`
}

// String is short enough for a log line.
func (f figures) String() string {
	r := func(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
	return fmt.Sprintf("%d rounds, p50 %v, p99 %v, worst %v", f.Rounds, r(f.P50), r(f.P99), r(f.Worst))
}

// pingpong is a session between the two peers that measure.
type pingpong struct {
	t    *testing.T
	in   *json.Encoder
	out  *json.Decoder
	dest string
}

// startPingpong starts the peers. Their destination is known at once; they connect when told where the proxy is.
func startPingpong(t *testing.T) *pingpong {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), measuring+"=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	p := &pingpong{t: t, in: json.NewEncoder(in), out: json.NewDecoder(out)}
	p.dest = p.answer().DestinationOf
	return p
}

func (p *pingpong) answer() (f figures) {
	p.t.Helper()
	if err := p.out.Decode(&f); err != nil {
		p.t.Fatalf("the peers that measure are gone: %v", err)
	}
	if f.ConnectionBroken != "" {
		p.t.Fatalf("the ping-pong broke: %s", f.ConnectionBroken)
	}
	return f
}

// errand is what the peers are told: where to connect, and for how long to measure.
type errand struct {
	Proxy string
	For   time.Duration
}

// measure plays for a while through the proxy at addr.
func (p *pingpong) measure(addr string, over time.Duration) figures {
	p.t.Helper()
	if err := p.in.Encode(errand{addr, over}); err != nil {
		p.t.Fatal(err)
	}
	return p.answer()
}

// measure is the whole program of the peers.
func measure() (code int) {
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -19) // right of way, where that may be had
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	_ = out.Encode(figures{DestinationOf: l.Addr().String()})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				b := make([]byte, 1)
				for {
					if _, err := c.Read(b); err != nil {
						_ = c.Close()
						return
					}
					_, _ = c.Write(b)
				}
			}()
		}
	}()
	for {
		var e errand
		if in.Decode(&e) != nil {
			return 0
		}
		f, err := play(e)
		if err != nil {
			f.ConnectionBroken = strings.TrimSpace(err.Error())
		}
		_ = out.Encode(f)
	}
}

// play is one errand: a byte there, a byte back, a short rest.
func play(e errand) (f figures, err error) {
	c, err := net.DialTimeout("tcp", e.Proxy, patience)
	if err != nil {
		return f, err
	}
	defer func() { _ = c.Close() }()
	b := make([]byte, 1)
	var took []time.Duration
	for end := time.Now().Add(e.For); time.Now().Before(end); {
		_ = c.SetDeadline(time.Now().Add(patience))
		started := time.Now()
		if _, err := c.Write(b); err != nil {
			return f, err
		}
		if _, err := c.Read(b); err != nil {
			return f, err
		}
		took = append(took, time.Since(started))
		time.Sleep(time.Millisecond) // so that thousands of rounds leave the processor to the attack
	}
	slices.Sort(took)
	return figures{Rounds: len(took), P50: took[len(took)/2], P99: took[len(took)*99/100], Worst: took[len(took)-1]}, nil
}
