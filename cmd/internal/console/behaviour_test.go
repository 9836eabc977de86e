package console

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/admin"
)

const sessionRows = `document.querySelectorAll('.row.session:not(.ended)').length`

// restarts are those of the children of session 1, in the order of the tree.
func (r *rig) restarts() (counts []uint32) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tree, err := r.proxy.Tree(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, n := range tree.Children {
		if n.PID == "listener/session-1" {
			for _, c := range n.Children {
				counts = append(counts, c.Restarts)
			}
		}
	}
	return counts
}

func (r *rig) wantRestarts(want ...uint32) {
	r.t.Helper()
	if got := r.restarts(); fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("the children of session-1 restarted %v times, want %v", got, want)
	}
}

func TestTreeFollowsSessions(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{}, nil)
	p := r.open()
	p.until("the acceptor and no session", `document.querySelector('[data-pid="listener/acceptor"]') && `+sessionRows+` === 0`)
	first := r.dial()
	second := r.dial()
	p.until("two sessions", sessionRows+` === 2`)
	p.until("their children", `document.querySelectorAll('.card').length === 8`)
	if _, err := first.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	p.until("its bytes", `[...document.querySelectorAll('[data-pid="listener/session-1"] .flow-total')].every((f) => f.textContent === '5 B')`)
	if _, err := io.ReadFull(first, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	p.until("one session", sessionRows+` === 1 && !document.querySelector('[data-pid="listener/session-1"]')`)
	_ = second.Close()
	p.until("no session", sessionRows+` === 0`)
	p.until("the causes", `document.querySelector('.bars').textContent.includes('finished2')`)
}

func TestKillInThePage(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{Faults: true}, nil)
	stop := r.stream()
	p := r.open()
	p.until("a running stream", `document.querySelector('.flow.moves')`)
	p.click(`[data-pid="listener/session-1/server-writer"] [data-mode=panic]`)
	p.until("what the strategy did", `document.querySelector('[data-pid="listener/session-1"] .note').textContent
		.startsWith('server-writer panicked → one-for-one: restarted it alone in ')`)
	p.until("the restart", `document.querySelector('[data-pid="listener/session-1/server-writer"] .detail').textContent === '↻ 1'`)
	r.wantRestarts(0, 1, 0, 0)
	p.click(`[data-pid="listener/session-1/client-writer"] [data-mode=stop]`)
	p.until("the second restart", `document.querySelector('[data-pid="listener/session-1/client-writer"] .detail').textContent === '↻ 1'`)
	r.wantRestarts(0, 1, 0, 1)
	p.until("what is said", `document.querySelector('#live').textContent.includes('client-writer was stopped from outside')`)
	before := eval[float64](p, `performance.now()`)
	p.click(`[data-pid="listener/session-1"] .name`)
	p.click(`[data-pid="listener/session-1/client-reader"] [data-mode=panic]`)
	p.until("a mark in the charts", `document.querySelectorAll('#view-session .marks line').length === 2`)
	p.until("the failure in the list", `document.querySelector('#view-session .log').textContent.includes('client-reader failed')`)
	p.until("more bytes", fmt.Sprintf(`performance.now() > %f && document.querySelector('.curve').getAttribute('d').includes('L')`, before))
	if n := stop(); n == 0 {
		t.Error("no byte came back")
	}
}

func TestStrategyChangesWhatTheNextKillDoes(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{Faults: true}, nil)
	stop := r.stream()
	p := r.open()
	p.until("the strategy in force", `document.querySelector('#strategy').value === 'one-for-one'`)
	p.choose("#strategy", "all-for-one")
	p.until("that it is chosen", `document.querySelector('#view-events .log').textContent
		.includes('from now on all-for-one answers failures')`)
	p.click(`[data-pid="listener/session-1/client-reader"] [data-mode=panic]`)
	p.until("four restarts", `document.querySelector('[data-pid="listener/session-1"] .note').textContent
		.includes('all-for-one: restarted all four')`)
	r.wantRestarts(1, 1, 1, 1)
	stop()
	// And the other way round: who chooses elsewhere is followed here.
	if err := r.proxy.SetSupervision("resume"); err != nil {
		t.Fatal(err)
	}
	p.until("the other's choice", `document.querySelector('#strategy').value === 'resume'`)
}

func TestRandomKills(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{Faults: true}, nil)
	stop := r.stream()
	p := r.open()
	p.until("a running stream", `document.querySelector('.flow.moves')`)
	p.choose("#rate", "20")
	p.until("ten kills", `Number(document.querySelector('.of-kills b').textContent) >= 10`)
	p.choose("#rate", "0")
	stop()
}

func TestTour(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{Faults: true}, nil)
	p := r.open()
	p.click("#tab-tour")
	p.until("that it takes a connection", `document.querySelector('#view-tour').textContent.includes('takes a connection')`)
	c := r.dial()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	says := []string{
		"session-1 forwards between",
		"Only client-reader was restarted in",
		"all four were restarted",
		"The failure went up one level: ",
		"The session was reset with the cause “supervision”",
	}
	for i, said := range says {
		p.until(fmt.Sprintf("step %d", i+1), `document.querySelector('.tour .now button')?.disabled === false`)
		p.click(".tour .now button")
		p.until(said, fmt.Sprintf(`document.querySelectorAll('.tour .verdict')[%d]?.textContent.includes(%q)`, i, said))
	}
	p.until("the end", `document.querySelector('.tour-end')`)
	if now := r.proxy.Supervision(); now != "one-for-one" {
		t.Errorf("after the tour the strategy is %s", now)
	}
}

func TestWithoutFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{}, nil)
	r.dial()
	p := r.open()
	p.until("the session's children", `document.querySelectorAll('.card').length === 4`)
	p.until("the keys", `document.querySelector('#keys').textContent !== ''`)
	visible := eval[int](p, `[...document.querySelectorAll('.kill, #strategy, #rate')].filter((e) => e.checkVisibility()).length`)
	if visible != 0 || strings.Contains(p.text("#keys"), "panic") {
		t.Errorf("without faults %d controls for them are there, and the keys are %q", visible, p.text("#keys"))
	}
	p.click("#tab-tour")
	p.until("why there is no tour", `document.querySelector('#view-tour').textContent.includes('--faults')`)
}

func TestToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{TokenFile: tokenFile(t, "s3cret")}, nil)
	r.dial()
	p := r.open()
	give := func(token string) {
		p.until("the question", `document.querySelector('#token').open`)
		p.do(chromedp.SendKeys(chromedp.CSS("#token-field"), token+kb.Enter))
	}
	give("wrong")
	p.until("that it is wrong", `document.querySelector('#token').open && document.querySelector('#token-error').textContent !== ''`)
	give("s3cret")
	p.until("the tree", sessionRows+` === 1`)
	p.until("the stream", `document.querySelector('#connection').textContent === 'live'`)
	kept := eval[string](p, `JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href.includes('s3cret')])`)
	if kept != `[{},{},"",false]` {
		t.Errorf("the page keeps %s", kept)
	}
	p.do(chromedp.Reload())
	p.until("the question again", `document.querySelector('#token').open`)
}

func TestKeyboard(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{Faults: true}, nil)
	r.dial()
	p := r.open()
	p.until("all actors", `document.querySelector('.card') && document.querySelector('[data-pid="listener/acceptor"]')`)
	p.until("faults", `!document.querySelector('#faults').hidden`)
	if n := eval[int](p, `document.querySelectorAll('#tree [role=treeitem][tabindex="0"]').length`); n != 1 {
		t.Errorf("the tree has %d tab stops, want 1", n)
	}
	eval[bool](p, `document.querySelector('#tree [tabindex="0"]').focus() || true`)
	focused := func(pid string) {
		t.Helper()
		p.until("the focus on "+pid, fmt.Sprintf(`document.activeElement.dataset.pid === %q`, pid))
	}
	press := func(keys string) { p.do(chromedp.KeyEvent(keys)) }
	focused("guardian")
	press(kb.ArrowDown + kb.ArrowDown + kb.ArrowDown)
	focused("listener/session-1")
	press(kb.ArrowRight)
	focused("listener/session-1/client-reader")
	press("p")
	p.until("the restart", `document.querySelector('[data-pid="listener/session-1/client-reader"] .detail').textContent === '↻ 1'`)
	focused("listener/session-1/client-reader")
	press(kb.ArrowLeft + kb.ArrowLeft)
	p.until("that it is folded", `!document.querySelector('.card')`)
	press(kb.Enter)
	p.until("the session's view", `!document.querySelector('#view-session').hidden &&
		document.querySelector('#view-session h2').textContent === 'session-1'`)
	press(kb.End + kb.Home)
	focused("guardian")
	press(kb.ArrowLeft)
	p.until("only the guardian", `document.querySelectorAll('.row').length === 1`)
}

func TestEndASession(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{}, nil)
	r.dial()
	p := r.open()
	p.click(`[data-pid="listener/session-1"] .name`)
	p.click(`#view-session .danger`)
	p.until("that it has ended", sessionRows+` === 0 && document.querySelector('#view-session .state').textContent === 'ended: ended'`)
}

func TestLostAndBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{Faults: true}, nil)
	stop := r.stream()
	p := r.open()
	p.until("a running stream", `document.querySelector('#connection').textContent === 'live' && document.querySelector('.flow.moves')`)
	r.door.shut()
	p.until("that the proxy is lost", `document.querySelector('#banner').textContent.startsWith('The proxy has not answered since')`)
	if err := r.proxy.Kill("listener/session-1/client-reader", "panic", "somebody else"); err != nil {
		t.Fatal(err)
	}
	r.dial()
	r.door.open()
	p.until("that it is back", `document.querySelector('#banner').textContent.includes('back after')`)
	if text := p.text("#banner"); !strings.Contains(text, "nothing missed") {
		t.Errorf("the banner says %q", text)
	}
	p.until("what was missed", `document.querySelector('#view-events .log').textContent.includes('is killed by somebody else')`)
	p.until("the new session", sessionRows+` === 2`)
	stop()
}

// A proxy that was started anew cannot tell what happened before.
func TestAnotherProxy(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{}, nil)
	r.dial()
	p := r.open()
	p.until("a session", `document.querySelector('#connection').textContent === 'live' && `+sessionRows+` === 1`)
	p.click(`[data-pid="listener/session-1"] .name`)
	r.api.Close()
	p.until("that the proxy is lost", `document.querySelector('#banner').textContent.startsWith('The proxy has not answered since')`)
	other := newRig(t, admin.Config{}, nil)
	c := other.dial() // which has the same number as the one before
	r.door.lead(other.api.Addr().String())
	p.until("that it is another", `document.querySelector('#banner').textContent.includes('it was started anew')`)
	p.until("its session", fmt.Sprintf(sessionRows+` === 1 && document.querySelector('.row.session .peers').textContent.startsWith(%q)`,
		c.LocalAddr().String()))
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	p.until("its bytes", `document.querySelector('.flow-total').textContent === '5 B'`)
}

// With --survive the processes are part of the tree, and the next one is no stranger.
func TestNextProcess(t *testing.T) {
	t.Parallel()
	process := func(generation uint64) admin.Config {
		return admin.Config{Process: func() admin.Process {
			return admin.Process{Survive: true, Generation: generation, Keeper: 11, Worker: 12, Holder: 13, Reason: "killed"}
		}}
	}
	r := newRig(t, process(1), nil)
	r.stream()
	p := r.open()
	p.until("the processes", `['keeper', 'worker', 'holder'].every((pid) => document.querySelector('[data-pid=' + pid + ']'))`)
	p.until("the generation", `document.querySelector('.of-generation b').textContent === '1'`)
	p.until("the stream", `document.querySelector('#connection').textContent === 'live'`)
	other := newRig(t, process(2), nil)
	other.stream()
	r.door.shut()
	r.door.lead(other.api.Addr().String())
	r.door.open()
	p.until("the next process", `document.querySelector('#banner').textContent.includes(
		'process 2 goes on with the connections of the one before, which ended: killed')`)
	p.until("the new generation", `document.querySelector('.of-generation b').textContent === '2'`)
	p.shoot("survive-1280-light")
}

// With several loops the tree has several listeners, each with sessions of its own, and their numbers interleave.
func TestSeveralListeners(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{}, func(cfg *actors.Config) { cfg.Loops = 2 })
	p := r.open()
	p.until("both listeners", `document.querySelectorAll('.row.listener').length === 2 &&
		document.querySelectorAll('.row.helper').length === 2`)
	for range 8 {
		c := r.dial()
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	p.until("all sessions", sessionRows+` === 8`)
	p.click("#fold") // folds all, so that the next click unfolds all
	p.click("#fold")
	p.until("the bytes of all", `[...document.querySelectorAll('.flow-total')].length >= 8 &&
		[...document.querySelectorAll('.flow-total')].every((f) => f.textContent === '5 B')`)
	p.until("each below its own", `[...document.querySelectorAll('.row.session')].every((row) => {
		let above = row;
		while (!above.matches('.listener')) above = above.previousElementSibling;
		return row.dataset.pid.startsWith(above.dataset.pid + '/');
	})`)
}

// Sessions that come and go leave the order of the tree right.
func TestChurn(t *testing.T) {
	t.Parallel()
	r := newRig(t, admin.Config{}, nil)
	p := r.open()
	p.until("the stream", `document.querySelector('#connection').textContent === 'live'`)
	for range 30 {
		c := r.dial()
		if _, err := c.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Read(make([]byte, 1))
		_ = c.Close()
	}
	r.dial()
	p.until("the one that is left", sessionRows+` === 1 && document.querySelector('[data-pid="listener/session-31"]')`)
	p.until("the endings", `document.querySelector('.of-closed b').textContent === '30'`)
}
