package console

import (
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/admin"
)

// patience is how long anything may take that ought to happen soon. It only runs out when a test fails.
const patience = 20 * time.Second

// rig is a proxy before an echo, with the API and the console, and a door before those that can be shut.
type rig struct {
	t     *testing.T
	proxy *actors.Proxy
	api   *admin.Server
	door  *door
	echo  net.Listener
}

// newRig starts all of it; change may be nil.
func newRig(t *testing.T, config admin.Config, change func(*actors.Config)) *rig {
	t.Helper()
	r := &rig{t: t, echo: echo(t)}
	cfg := actors.DefaultConfig()
	at := r.echo.Addr().(*net.TCPAddr).AddrPort()
	cfg.Host, cfg.Port, cfg.ListenHost, cfg.ListenPort = at.Addr().String(), at.Port(), "127.0.0.1", 0
	cfg.IdleTimeout, cfg.HangTimeout = 0, 0
	if change != nil {
		change(&cfg)
	}
	r.serve(config, "127.0.0.1:0", cfg)
	r.door = newDoor(t, r.api.Addr().String())
	return r
}

// serve starts the API and the proxy.
func (r *rig) serve(config admin.Config, addr string, cfg actors.Config) {
	r.t.Helper()
	config.Addr, config.Console = addr, Handler()
	api, err := admin.Listen(config)
	if err != nil {
		r.t.Fatal(err)
	}
	proxy, err := actors.Start(cfg, api.Observe)
	if err != nil {
		r.t.Fatal(err)
	}
	api.Serve(proxy)
	r.t.Cleanup(func() {
		api.Close()
		proxy.Stop()
		<-proxy.Done()
	})
	r.api, r.proxy = api, proxy
}

func (r *rig) url() string { return "http://" + r.door.addr() + "/" }

// dial opens a connection through the proxy, which the end of the test closes.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.proxy.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// stream sends numbered bytes through the proxy until stop is called, at a pace that a page can show, and looks that all of them come back
// as they were. stop returns how many did.
func (r *rig) stream() (stop func() int) {
	c := r.dial()
	var ended sync.WaitGroup
	quit := make(chan struct{})
	sent, got := 0, 0
	ended.Go(func() {
		block := make([]byte, 4<<10)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			for i := range block {
				block[i] = pattern(sent + i)
			}
			if _, err := c.Write(block); err != nil {
				r.t.Errorf("a connection through the proxy broke after %d bytes: %v", sent, err)
				return
			}
			sent += len(block)
			select {
			case <-quit:
				_ = c.(*net.TCPConn).CloseWrite()
				return
			case <-tick.C:
			}
		}
	})
	ended.Go(func() {
		buffer := make([]byte, 32<<10)
		for {
			n, err := c.Read(buffer)
			for i := range n {
				if buffer[i] != pattern(got+i) {
					r.t.Errorf("byte %d came back changed", got+i)
					return
				}
			}
			got += n
			if err != nil {
				return
			}
		}
	})
	var once sync.Once
	stop = func() int {
		once.Do(func() {
			close(quit)
			ended.Wait()
			_ = c.Close()
			if got != sent {
				r.t.Errorf("%d bytes were sent and %d came back", sent, got)
			}
		})
		return got
	}
	r.t.Cleanup(func() { stop() })
	return stop
}

func pattern(i int) byte { return byte(i*7 + i>>8*13 + i>>16*31) }

// echo sends back what it gets.
func echo(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l
}

// door forwards to an address until it is shut; then it is as if nobody were there.
type door struct {
	t     *testing.T
	to    string
	at    netip.AddrPort
	mu    sync.Mutex
	l     net.Listener
	conns map[net.Conn]struct{}
}

func newDoor(t *testing.T, to string) *door {
	d := &door{t: t, to: to, at: netip.MustParseAddrPort("127.0.0.1:0")}
	d.open()
	t.Cleanup(d.shut)
	return d
}

func (d *door) addr() string { return d.at.String() }

func (d *door) open() {
	l, err := net.Listen("tcp", d.at.String())
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	d.l, d.at, d.conns = l, l.Addr().(*net.TCPAddr).AddrPort(), map[net.Conn]struct{}{}
	d.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.pass(c)
		}
	}()
}

func (d *door) pass(c net.Conn) {
	d.mu.Lock()
	target := d.to
	d.mu.Unlock()
	to, err := net.Dial("tcp", target)
	if err != nil {
		_ = c.Close()
		return
	}
	d.mu.Lock()
	d.conns[c], d.conns[to] = struct{}{}, struct{}{}
	d.mu.Unlock()
	go func() {
		_, _ = io.Copy(to, c)
		_ = to.Close()
	}()
	_, _ = io.Copy(c, to)
	_ = c.Close()
	d.mu.Lock()
	delete(d.conns, c)
	delete(d.conns, to)
	d.mu.Unlock()
}

// lead has it lead somewhere else from now on.
func (d *door) lead(to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.to = to
}

func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.l.Close()
	for c := range d.conns {
		_ = c.Close()
	}
}

// root is the top of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "..", "..", "..")
}

func tokenFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
