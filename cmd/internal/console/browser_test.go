package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// browser is one for all tests: it takes a second to start.
var browser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.stop != nil {
		browser.stop()
	}
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// startBrowser starts Chromium without a screen. It may resolve no name, so that a request to another host shows as an error.
func startBrowser() {
	path, err := exec.LookPath("chromium")
	if err != nil {
		browser.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.WindowSize(1280, 800))
	ctx, stopAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopOne := chromedp.NewContext(ctx)
	browser.ctx = ctx
	browser.stop = func() { _ = chromedp.Cancel(ctx); stopOne(); stopAll() }
	browser.err = chromedp.Do(ctx)
}

// tab is a tab of the browser that shows the console.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	errors  []string // of the page
	refused []string // requests that failed or were answered with an error
	hosts   map[string]bool
}

// open shows the console of a rig in a new tab. At the end of the test the page must have had no error, and talked to no other host.
func (r *rig) open() *tab {
	r.t.Helper()
	p := r.blank(1280, 800, false)
	p.do(chromedp.Navigate(r.url()))
	return p
}

// blank is an empty tab of a size, dark or light.
func (r *rig) blank(width, height int64, dark bool) *tab {
	r.t.Helper()
	browser.once.Do(startBrowser)
	if browser.err != nil {
		if os.Getenv("CI") == "true" {
			r.t.Fatalf("no browser: %v; on Debian, test/install-peers.sh installs chromium", browser.err)
		}
		r.t.Skipf("no browser: %v; on Debian, test/install-peers.sh installs chromium", browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx)
	p := &tab{t: r.t, ctx: ctx, hosts: map[string]bool{}}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		r.t.Fatalf("no tab: %v", err)
	}
	colours := "light"
	if dark {
		colours = "dark"
	}
	call(p, network.Enable, network.EnableParams{})
	call(p, log.Enable, cdp.Empty{})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colours}},
	})
	// The tests share a window, and each tab is to believe that it is the one in front.
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.do(chromedp.EmulateViewport(width, height))
	r.t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e := range p.errors {
			r.t.Errorf("the page: %s", e)
		}
		for host := range p.hosts {
			if host != r.door.addr() {
				r.t.Errorf("the page asked %s", host)
			}
		}
		cancel()
	})
	return p
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.errors = append(p.errors, fmt.Sprintf("%s %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description))
	case *runtime.EventConsoleAPICalled:
		switch e.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert:
			var text []string
			for _, a := range e.Args {
				text = append(text, string(a.Value)+a.Description)
			}
			p.errors = append(p.errors, strings.Join(text, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelError && e.Entry.Level != log.EntryLevelWarning {
			return
		}
		text := fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		if e.Entry.Source == log.EntrySourceNetwork {
			p.refused = append(p.refused, text)
		} else {
			p.errors = append(p.errors, text)
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" {
			p.hosts[u.Host] = true
		}
	}
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("the browser: %v", err)
	}
}

// call gives the browser a command.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.t.Fatalf("the browser: %s: %v", command.Method, err)
	}
}

// eval evaluates JavaScript, waiting for a promise.
func eval[T any](p *tab, script string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("the browser: %s: %v", script, err)
	}
	return value
}

// until waits for a condition in the page, looked at each time that it has drawn.
func (p *tab) until(what, condition string) {
	p.t.Helper()
	met := eval[bool](p, fmt.Sprintf(`new Promise((done) => {
		const begun = performance.now();
		const look = () => {
			if (%s) done(true);
			else if (performance.now() - begun > %d) done(false);
			else setTimeout(look, 20);
		};
		look();
	})`, condition, (patience-5*time.Second).Milliseconds()))
	if !met {
		p.shoot("failed-" + strings.ReplaceAll(p.t.Name(), "/", "-"))
		p.t.Fatalf("the page never showed: %s; it says\n%s", what, eval[string](p, "document.body.innerText"))
	}
}

// click clicks an element as a program does; what is in a row's way is not looked at.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.until(selector+" is there", fmt.Sprintf("document.querySelector(%q)", selector))
	eval[bool](p, fmt.Sprintf("document.querySelector(%q).click() || true", selector))
}

// choose takes an entry of a select.
func (p *tab) choose(selector, value string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`(() => {
		const select = document.querySelector(%q);
		select.value = %q;
		return select.dispatchEvent(new Event('change'));
	})()`, selector, value))
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf("document.querySelector(%q)?.textContent ?? ''", selector))
}

// shoot keeps a picture of the page in bin/screenshots.
func (p *tab) shoot(name string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	dir := filepath.Join(root(p.t), "bin", "screenshots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
