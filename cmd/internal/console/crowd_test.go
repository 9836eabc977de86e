package console

import (
	"context"
	"fmt"
	"net/netip"
	"runtime/debug"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/admin"
	"tcpproxy/messages"
)

// crowd is a proxy with thousands of sessions that exist on paper only: a real one would need as many descriptors.
type crowd struct {
	done  chan struct{}
	begun time.Time
	many  int
}

func (c *crowd) Sessions(context.Context) (messages.Sessions, error) {
	all := make(messages.Sessions, c.many)
	age := time.Since(c.begun)
	for i := range all {
		id := uint64(i + 1)
		moved := uint64(age.Milliseconds()) * id
		all[i] = messages.Session{
			ID: id, PID: fmt.Sprintf("listener/session-%d", id), Client: client(i).String(), Server: "192.0.2.1:80", State: "relaying",
			BytesClientToServer: moved, BytesServerToClient: 2 * moved, AgeSeconds: age.Seconds(),
		}
	}
	return all, nil
}

func client(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 5000)
}

func (c *crowd) Tree(context.Context) (messages.Node, error) {
	root := messages.Node{PID: "listener", Kind: "listener", State: "serving", Strategy: "restart", Children: []messages.Node{
		{PID: "listener/acceptor", Kind: "acceptor", State: "accepting", Children: []messages.Node{}},
	}}
	for i := range c.many {
		n := messages.Node{PID: fmt.Sprintf("listener/session-%d", i+1), Kind: "session", State: "relaying", Strategy: "one-for-one"}
		for _, role := range []string{"client-reader", "server-writer", "server-reader", "client-writer"} {
			n.Children = append(n.Children, messages.Node{PID: n.PID + "/" + role, Kind: "reader", State: "running", Children: []messages.Node{}})
		}
		root.Children = append(root.Children, n)
	}
	return root, nil
}

func (c *crowd) Stats() actors.Stats {
	return actors.Stats{MaxSessions: c.many, Loops: []actors.LoopStats{{Listener: "listener", Sessions: c.many}}}
}

func (c *crowd) EndSession(context.Context, uint64) error { return nil }
func (c *crowd) SetSupervision(string) error              { return nil }
func (c *crowd) Supervision() string                      { return "one-for-one" }
func (c *crowd) Kill(string, string, string) error        { return nil }
func (c *crowd) Done() <-chan struct{}                    { return c.done }

// Five thousand sessions, of which some fail all the time, must not be felt: what is not in sight is not drawn.
func TestFiveThousandSessions(t *testing.T) {
	const many = 5000
	api, err := admin.Listen(admin.Config{Addr: "127.0.0.1:0", Console: Handler(), Faults: true})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	api.Serve(&crowd{done: make(chan struct{}), begun: time.Now(), many: many})
	r := &rig{t: t, api: api, door: newDoor(t, api.Addr().String())}
	p := r.open()
	p.until("all sessions", `document.querySelector('[data-pid=listener] .peers')?.textContent === '5,000 sessions'`)
	slack := 1.0
	if underRace() { // which slows down those who answer
		slack = 4
	}
	if ms := eval[float64](p, `performance.now()`); ms > 5000*slack {
		t.Errorf("it took %.0f ms until all sessions were there", ms)
	}
	quit := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			case <-time.After(5 * time.Millisecond):
			}
			pid := fmt.Sprintf("listener/session-%d/client-reader", i*37%many+1)
			api.Observe(messages.ActorFailed{PID: pid, Reason: "killed by a test", Strategy: "one-for-one", Directive: "restart", Kill: "panic"})
			api.Observe(messages.ActorRestarted{PID: pid, Restarts: uint32(i), After: time.Millisecond, Kill: "panic"})
		}
	}()
	defer func() { close(quit); <-ended }()

	// Scroll through all of it, a step in each frame, and look how long the page itself is at work.
	took := eval[[]float64](p, `new Promise((done) => {
		const pane = document.querySelector('#tree'), took = [];
		let step = 0;
		const next = () => {
			const begun = performance.now();
			pane.scrollTop = (pane.scrollHeight - pane.clientHeight) * (++step / 120);
			pane.dispatchEvent(new Event('scroll'));
			requestAnimationFrame(() => {
				document.body.offsetHeight;
				took.push(performance.now() - begun);
				if (step < 120) next(); else done(took.sort((a, b) => a - b));
			});
		};
		requestAnimationFrame(next);
	})`)
	median, slow := took[len(took)/2], took[len(took)*95/100]
	t.Logf("a frame takes %.1f ms, one in twenty %.1f ms and more", median, slow)
	if median > 34*slack || slow > 150*slack {
		t.Errorf("a frame takes %.1f ms, one in twenty %.1f ms and more: that is not smooth", median, slow)
	}
	p.until("the last sessions, at work", `document.querySelector('[data-pid="listener/session-5000"] .rates')?.textContent.includes('MB/s')`)
	if n := eval[int](p, `document.querySelectorAll('.row').length`); n > 80 {
		t.Errorf("%d rows are drawn", n)
	}
	eval[bool](p, `(() => {
		const search = document.querySelector('#search');
		search.value = '10.0.4.210';
		return search.dispatchEvent(new Event('input'));
	})()`)
	p.until("the one searched for", `document.querySelector('#found').textContent === '1 of 5,000' &&
		document.querySelector('[data-pid="listener/session-1235"]')`)
}

// underRace reports whether the race detector watches this test.
func underRace() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}
