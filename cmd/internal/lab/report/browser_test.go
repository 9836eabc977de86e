package report

import (
	"context"
	"encoding/json"
	"fmt"
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
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// reader is a browser that has the report open.
type reader struct {
	t    *testing.T
	ctx  context.Context
	mu   sync.Mutex
	told []string // what went wrong in the page, and what it asked for that is not the report
}

// read writes a report of all kinds of results and opens it, as a file: nothing serves it.
func read(t *testing.T) *reader {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no browser: %v; on Debian, test/install-peers.sh installs chromium", err)
		}
		t.Skipf("no browser: %v; on Debian, test/install-peers.sh installs chromium", err)
	}
	dir := t.TempDir()
	if err := Write(dir, synthetic()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); stop() })
	r := &reader{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, r.listen); err != nil {
		t.Fatal(err)
	}
	tell(r, network.Enable, network.EnableParams{})
	tell(r, log.Enable, cdp.Empty{})
	r.do(chromedp.Navigate((&url.URL{Scheme: "file", Path: filepath.Join(dir, "report.html")}).String()))
	return r
}

func (r *reader) listen(event any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		r.told = append(r.told, "an exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		r.told = append(r.told, fmt.Sprint("on the console: ", e.Type))
	case *log.EventEntryAdded:
		r.told = append(r.told, fmt.Sprintf("in the log: %s %s", e.Entry.Text, e.Entry.URL))
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "data:") && !strings.HasSuffix(e.Request.URL, "/report.html") {
			r.told = append(r.told, "asked for "+e.Request.URL)
		}
	}
}

func (r *reader) do(actions ...chromedp.Action[chromedp.Void]) {
	r.t.Helper()
	if err := chromedp.Do(r.ctx, actions...); err != nil {
		r.t.Fatal(err)
	}
}

func tell[P, R any](r *reader, command cdp.Command[P, R], params P) R {
	r.t.Helper()
	answer, err := chromedp.Call(r.ctx, command, params)
	if err != nil {
		r.t.Fatalf("%s: %v", command.Method, err)
	}
	return answer
}

func ask[T any](r *reader, script string) T {
	r.t.Helper()
	answer, err := chromedp.Run(r.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		r.t.Fatalf("%s: %v", script, err)
	}
	return answer
}

// keep leaves a picture, or a document, where a person can look at it.
func (r *reader) keep(name string, body []byte) {
	r.t.Helper()
	root, err := filepath.Abs("../../../..")
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "bin", "screenshots"), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "bin", "screenshots", name), body, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// shoot takes pictures of the first screens of the page; one picture of the whole would be too tall to be looked at.
func (r *reader) shoot(name string) {
	r.t.Helper()
	screens := ask[int](r, "Math.ceil(document.documentElement.scrollHeight / innerHeight)")
	for i := range min(screens, 5) {
		ask[bool](r, fmt.Sprintf("scrollTo(0, %d * innerHeight); true", i))
		picture, err := chromedp.Run(r.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			r.t.Fatal(err)
		}
		r.keep(fmt.Sprintf("lab-report-%s-%02d.png", name, i+1), picture)
	}
}

// outside are the elements of the page that reach beyond its width, and that nothing around them lets a reader scroll to.
const outside = `JSON.stringify([...document.querySelectorAll('body *')].filter((e) =>
	e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !e.closest('.wide')).map((e) => e.outerHTML.slice(0, 80)))`

func TestTheReportInABrowser(t *testing.T) {
	r := read(t)
	for _, width := range []int64{1280, 360} {
		r.do(chromedp.EmulateViewport(width, 1600))
		var out []string
		if err := json.Unmarshal([]byte(ask[string](r, outside)), &out); err != nil || len(out) > 0 {
			t.Errorf("%d pixels: %v %v", width, out, err)
		}
		r.shoot(fmt.Sprint(width))
	}
	r.do(chromedp.EmulateViewport(1280, 1600))
	tell(r, emulation.SetEmulatedVisionDeficiency, emulation.SetEmulatedVisionDeficiencyParams{Type: "achromatopsia"})
	r.shoot("grey")
	tell(r, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	r.do(chromedp.EmulateViewport(703, 1600)) // a page of A4 between its margins
	r.shoot("print")
	tell(r, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	printed := tell(r, cdppage.PrintToPDF, cdppage.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69})
	if !strings.HasPrefix(string(printed.Data), "%PDF") {
		t.Errorf("no document was printed: %.20q", printed.Data)
	}
	r.keep("lab-report.pdf", printed.Data)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, told := range r.told {
		t.Errorf("the page: %s", told)
	}
}

// What is red is also said by a word, and what is coloured in the tree also by a number and hatching.
func TestColourIsNeverAlone(t *testing.T) {
	r := read(t)
	red := ask[string](r, `getComputedStyle(document.querySelector('.contradicted .verdict')).color`)
	if red != "rgb(179, 38, 30)" {
		t.Errorf("a contradicted prediction is %s", red)
	}
	if n := ask[int](r, `document.querySelectorAll('.predictions .contradicted').length`); n != 1 {
		t.Errorf("%d contradicted predictions", n)
	}
	if word := ask[string](r, `document.querySelector('.contradicted .verdict').innerText`); !strings.EqualFold(word, contradicted) {
		t.Errorf("it says %q", word)
	}
	for _, class := range []string{"all", "some"} {
		script := fmt.Sprintf(`[...document.querySelectorAll('.tree g.%s')].every((g) =>
			g.querySelector('.hatch') && /restarted [0-9]+ of [0-9]+/.test(g.textContent))`, class)
		if !ask[bool](r, script) {
			t.Errorf("actors that restarted in %s of the runs are not all hatched and counted", class)
		}
	}
	if n := ask[int](r, `document.querySelectorAll('.charts svg').length`); n < 10 {
		t.Errorf("only %d pictures", n)
	}
	broken := `[...document.querySelectorAll('nav a')].filter((a) => !document.getElementById(a.getAttribute('href').slice(1))).length`
	if n := ask[int](r, broken); n > 0 {
		t.Errorf("%d entries of the contents lead nowhere", n)
	}
}
